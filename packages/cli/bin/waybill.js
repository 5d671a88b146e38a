#!/usr/bin/env node
// Waybill is TypeScript that Node 24 runs as it is. Where the host's Node is older, the one that was installed beside this
// file is used. Everything here must therefore run on old versions of Node.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const USAGE_EXIT = 4;

/** The `node` package's binary in the nearest node_modules that has one. */
function installedNode() {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'node_modules', 'node', 'bin', 'node');
    if (existsSync(candidate)) return candidate;
    const above = dirname(folder);
    if (above === folder) return null;
    folder = above;
  }
}

function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // a terminal sends them to both of us; the child decides what they mean
  for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (exit, signal) => {
    if (signal === null) process.exit(exit);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Until a verb takes interruptions itself, and while it is being read. */
function leave() {
  const said = 'interrupted: what was submitted by then goes on, and `waybill runs` lists it';
  process.stderr.write(
    process.argv.includes('--json') ? `${JSON.stringify({ interrupted: true, said })}\n` : `${said}\n`,
  );
  // to exit by itself it would have to wait for what it reads; a shell makes 130 of this
  process.removeListener('SIGINT', leave);
  process.kill(process.pid, 'SIGINT');
}

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  process.on('SIGINT', leave);
  await import('../src/main.ts');
} else {
  const node = installedNode();
  if (node !== null && node !== process.execPath) runWith(node);
  else {
    process.stderr.write(
      `waybill: USAGE at node: this is Node ${process.versions.node}, Waybill needs Node ${NEEDED_MAJOR} or later.\n` +
        '  fix: run `npm install` where Waybill is checked out (it brings its own Node), or install a newer Node.\n',
    );
    process.exitCode = USAGE_EXIT;
  }
}
