/**
 * The definition of done: every step runs, even after one failed, and the table at the end says which are red.
 * The arrows between folders are part of the architecture tests. With `--without-tests` for who runs all of them after it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');

const ALL_STEPS: readonly { name: string; command: string; args: readonly string[] }[] = [
  { name: 'format and lint', command: join(BIN, 'biome'), args: ['check', '--error-on-warnings', '.'] },
  { name: 'types', command: join(BIN, 'tsc'), args: ['-b', '--force'] },
  { name: 'published schema', command: process.execPath, args: ['packages/client/src/schema-file.ts', '--check'] },
  { name: 'dead code', command: join(BIN, 'knip'), args: ['--no-progress'] },
  { name: 'tests', command: process.execPath, args: ['test/run.ts', 'architecture', 'unit', 'flow'] },
];

const STEPS = process.argv.includes('--without-tests') ? ALL_STEPS.filter(({ name }) => name !== 'tests') : ALL_STEPS;

if (process.argv.includes('--list')) {
  for (const { name } of STEPS) process.stdout.write(`${name}\n`);
  process.exit(0);
}

const results = STEPS.map(({ name, command, args }) => {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  return { name, ok: status === 0, elapsedMs: performance.now() - started };
});

process.stdout.write('\n');
for (const { name, ok, elapsedMs } of results) {
  process.stdout.write(`${ok ? 'green' : 'red  '} ${name} (${(elapsedMs / 1000).toFixed(1)} s)\n`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
