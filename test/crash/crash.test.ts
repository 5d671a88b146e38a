/**
 * kill -9 of the engine at random moments. WAYBILL_CRASH_KILLS and WAYBILL_CRASH_SEED choose how often and which
 * moments; the seed is printed, so that a failure can be met again.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { putInbox } from '../support/embedded-flow.ts';
import { type Killing, killAndFinish, seededFraction, verifyRun } from './kill-engine.ts';

const KILLS = Number(process.env.WAYBILL_CRASH_KILLS ?? 6);
const SEED = Number(process.env.WAYBILL_CRASH_SEED ?? Date.now() % 1_000_000);
const ROOT = join(import.meta.dirname, '..', '..');

interface Scenario {
  engine(directory: string, journal: string): string[];
  spec(journal: string): object;
  withinMs: number;
  items: number;
}

/** Two hundred items in layers of twenty, each waiting for two of the layer before, some sharing locks. */
function layered(): object {
  const items = Array.from({ length: 200 }, (_, n) => ({
    id: `i${n}`,
    dependsOn: n < 20 ? [] : [`i${n - 20}`, `i${20 * Math.floor(n / 20) - 20 + ((n + 1) % 20)}`],
    locks: n % 5 === 0 ? [`lock-${n % 3}`] : [],
    retry: { maxAttempts: 2, backoff: '100ms' },
    pipeline: [{ block: 'script', run: 'true' }],
  }));
  return { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'layered' }, spec: { items } };
}

/** Real workers: a retry, a shared lock and a hand-off. Each block writes the journal, so it runs unsandboxed. */
function workers(journal: string): object {
  const note = `echo "$WAYBILL_RUN $WAYBILL_ITEM $WAYBILL_ATTEMPT" >> '${journal}'`;
  const item = (id: string, script: string, more: object = {}) => ({
    id,
    retry: { maxAttempts: 2, backoff: '100ms' },
    pipeline: [
      { block: 'script', run: `${note}\n${script}` },
      { block: 'capture', what: 'outputs' },
    ],
    ...more,
  });
  const items = [
    item('a', 'echo a > "$WAYBILL_OUTPUTS/a"', { locks: ['l'] }),
    item('b', 'sleep 0.2', { locks: ['l'] }),
    item('flaky', '[ "$WAYBILL_ATTEMPT" -gt 1 ]'),
    item('c', 'grep -q a "$WAYBILL_INPUTS/in"', {
      needs: { in: { from: 'a', select: { output: 'a' } } },
      dependsOn: ['b', 'flaky'],
    }),
  ];
  return { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'workers' }, spec: { items } };
}

const SCENARIOS: Record<string, Scenario> = {
  'a run of 200 items': {
    engine: (directory, journal) => [join(import.meta.dirname, 'instant-engine.ts'), directory, journal],
    spec: layered,
    withinMs: 900,
    items: 200,
  },
  'runs of real workers': {
    engine: (directory) => [
      join(ROOT, 'embedded', 'main.ts'),
      '--dir',
      directory,
      '--no-sandbox',
      '--concurrency',
      '3',
    ],
    spec: workers,
    withinMs: 1_500,
    items: 4,
  },
};

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  it(`crash: ${KILLS} kills of the engine in ${name} lose, double and block nothing (seed ${SEED})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-crash-'));
    const journal = join(directory, 'journal');
    writeFileSync(journal, '');
    const submissions: string[] = [];
    const spec = JSON.stringify(scenario.spec(journal));
    const killing: Killing = {
      directory,
      engine: scenario.engine(directory, journal),
      kills: KILLS,
      withinMs: scenario.withinMs,
      fraction: seededFraction(SEED),
      feed() {
        // A new run every other start: some kills meet an admission, some a run in flight, some a seal.
        starts += 1;
        if (submissions.length * 2 >= starts) return;
        submissions.push(`s${submissions.length}`);
        putInbox(directory, 'default', submissions.at(-1) ?? '', spec);
      },
      submissions: () => submissions,
    };
    let starts = 0;
    await killAndFinish(killing);
    for (const submission of submissions) {
      const report = await verifyRun(directory, submission);
      assert.equal(report.exitCode, 0, JSON.stringify(report.checks.filter(({ status }) => status === 'fail')));
      assert.equal(report.facts?.counts?.done, scenario.items);
    }
    const started = readFileSync(journal, 'utf8').trim().split('\n');
    assertStartedOnce(started);
    rmSync(directory, { recursive: true, force: true });
  });
}

function assertStartedOnce(lines: string[]): void {
  const doubled = lines.filter((line, n) => lines.indexOf(line) !== n);
  assert.deepEqual(doubled, []);
}
