/**
 * kill -9 of the engine at random moments. WAYBILL_CRASH_KILLS and WAYBILL_CRASH_SEED choose how often and which
 * moments; the seed is printed, so that a failure can be met again.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { DirectoryTransport, prepareRun } from '@waybill/client';
import { GREETER } from '../../examples/headline/greeter.ts';
import { makeRepository } from '../../examples/make-repository.ts';
import { putInbox } from '../support/embedded-flow.ts';
import { type Killing, killAndFinish, seededFraction, verifyRun } from './kill-engine.ts';

const KILLS = Number(process.env.WAYBILL_CRASH_KILLS ?? 2);
const SEED = Number(process.env.WAYBILL_CRASH_SEED ?? Date.now() % 1_000_000);
const ROOT = join(import.meta.dirname, '..', '..');

interface Scenario {
  engine(directory: string, journal: string): string[];
  spec(directory: string, journal: string): Promise<object> | object;
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

/** The headline, with real workers. Each block first writes the journal, which lies outside, so it runs unsandboxed. */
async function headline(directory: string, journal: string): Promise<object> {
  makeRepository(join(directory, 'repo'), GREETER);
  const text = readFileSync(join(ROOT, 'examples', 'headline', 'waybill.yaml'), 'utf8').replaceAll(
    'sleep 0.6',
    'sleep 0.2',
  );
  const { bytes } = await prepareRun(new DirectoryTransport(directory), Buffer.from(text), { baseDir: directory });
  const spec = JSON.parse(Buffer.from(bytes).toString()) as { spec: { items: { pipeline: object[] }[] } };
  const note = { block: 'script', run: `echo "$WAYBILL_RUN $WAYBILL_ITEM $WAYBILL_ATTEMPT" >> '${journal}'` };
  for (const item of spec.spec.items) item.pipeline.unshift(note);
  return spec;
}

const SCENARIOS: Record<string, Scenario> = {
  'a run of 200 items': {
    engine: (directory, journal) => [join(import.meta.dirname, 'instant-engine.ts'), directory, journal],
    spec: layered,
    withinMs: 900,
    items: 200,
  },
  'the headline': {
    engine: (directory) => [
      join(ROOT, 'embedded', 'main.ts'),
      '--dir',
      directory,
      '--no-sandbox',
      '--concurrency',
      '4',
    ],
    spec: headline,
    withinMs: 3_000,
    items: 6,
  },
};

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  it(`crash: ${KILLS} kills of the engine in ${name} lose, double and block nothing (seed ${SEED})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-crash-'));
    const journal = join(directory, 'journal');
    writeFileSync(journal, '');
    const submissions: string[] = [];
    const spec = JSON.stringify(await scenario.spec(directory, journal));
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
