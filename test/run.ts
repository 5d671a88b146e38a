/**
 * Runs the tests: `node test/run.ts [--list] [group...]`; without arguments every group but those run by name only. Each group is one process, most without
 * isolation between their files, a few at a time; the last line printed is the totals over all of them.
 *
 * Exit 0 means that every file ran at least one test, that none failed and that no skip is unexplained. On CI a skip is
 * a failure, unless it names a component that CI cannot install and that really is absent.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingCommands } from './commands.ts';
import { GROUPS, GROUPS_BY_NAME, type Group, groupOf, isGroup, testFiles } from './groups.ts';
import { type GroupRun, summarise } from './summary.ts';
import type { Totals } from './totals-reporter.ts';

const ROOT = join(import.meta.dirname, '..');
const GROUP_TIMEOUT_MS = 12 * 60_000;
const TEST_TIMEOUT_MS = 3 * 60_000;
/** One more than there are cores: groups wait for processes and disks for a third of their time. */
const PARALLEL_GROUPS = availableParallelism() + 1;
/** Groups whose files wait more than they compute: each file is a process, and three run at a time. */
const SIDE_BY_SIDE: ReadonlySet<Group> = new Set<Group>(['flow', 'end-to-end', 'cloud']);
/** How the reason begins where nothing that can be installed does what a case of test/cloud asks for. */
const NO_BED = 'no bed ';
/** In the reason where what an attempt to escape must be able to do without the sandbox takes root. */
const NOT_ROOT = 'the control needs root';
const VECTORS = process.env.WAYBILL_VECTORS ?? join(ROOT, '..', 'shared', 'vectors');

function runGroup(group: Group, files: string[], scratch: string, live: boolean): Promise<GroupRun> {
  const totalsPath = join(scratch, `${group}.json`);
  const args = [
    '--test',
    ...(SIDE_BY_SIDE.has(group) ? ['--test-isolation=process', '--test-concurrency=3'] : ['--test-isolation=none']),
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./test/totals-reporter.ts',
    `--test-reporter-destination=${totalsPath}`,
    ...files,
  ];
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      // Hundreds of processes start from the same sources: compiled once, they start in half the time.
      env: { ...process.env, NODE_COMPILE_CACHE: join(ROOT, 'build', 'compile-cache') },
      stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
      timeout: GROUP_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('close', (exit) => {
      const totals = existsSync(totalsPath) ? readFileSync(totalsPath, 'utf8') : '';
      resolve({
        group,
        files,
        throughSuite: files.filter((file) => readFileSync(join(ROOT, file), 'utf8').includes(".suite.ts'")),
        exit,
        elapsedMs: performance.now() - started,
        totals: totals === '' ? null : (JSON.parse(totals) as Totals),
        output,
      });
    });
  });
}

async function runGroups(groups: readonly Group[]): Promise<GroupRun[]> {
  const files = testFiles(ROOT);
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  const queue = [...groups];
  const runs: GroupRun[] = [];
  const drain = async (): Promise<void> => {
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
      const own = files.filter((file) => groupOf(file) === group);
      if (own.length === 0) {
        runs.push({
          group,
          files: [],
          throughSuite: [],
          exit: 1,
          elapsedMs: 0,
          totals: null,
          output: 'no test file found\n',
        });
        continue;
      }
      const able = own.filter((file) => missingCommands(file).length === 0);
      const run = await runGroup(group, able, scratch, groups.length === 1);
      if (run.exit !== 0) process.stdout.write(`\n--- ${group}\n${run.output}`);
      const unable = own.filter((file) => !able.includes(file));
      run.totals?.skips.push(
        ...unable.map((title) => ({ title, reason: `needs ${missingCommands(title).join(', ')}` })),
      );
      runs.push(run);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_GROUPS }, drain));
  rmSync(scratch, { recursive: true, force: true });
  return runs;
}

const names = process.argv.slice(2).filter((argument) => argument !== '--list');
const unknown = names.filter((name) => !isGroup(name));
if (unknown.length > 0) {
  process.stderr.write(
    `No such group: ${unknown.join(', ')}. The groups are ${[...GROUPS, ...GROUPS_BY_NAME].join(', ')}.\n`,
  );
  process.exit(2);
}
const chosen = names.length === 0 ? GROUPS : names.filter(isGroup);
if (process.argv.includes('--list')) {
  const files = testFiles(ROOT);
  for (const group of chosen) {
    process.stdout.write(`${group}: ${files.filter((file) => groupOf(file) === group).length} files\n`);
  }
  process.exit(0);
}
const started = performance.now();
const runs = await runGroups(chosen);
const summary = summarise(runs, {
  skipsAllowed: process.env.WAYBILL_ALLOW_SKIPS === '1' || process.env.CI !== 'true',
  absent: [...(existsSync(VECTORS) ? [] : ['vectors']), ...(process.getuid?.() === 0 ? [] : [NOT_ROOT]), NO_BED],
  elapsedMs: performance.now() - started,
  root: ROOT,
});
process.stdout.write(summary.text);
process.exitCode = summary.ok ? 0 : 1;
