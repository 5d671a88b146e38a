/** Timers that a crash left behind, or that come before their time. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { openLocalRunStore } from '#adapters/local/run-store.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { PRINCIPAL } from '../support/embedded-flow.ts';
import { FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

it('stale timers: a deadline that meets a run in admission is put off, and the run is admitted and ends as it should', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-timers-'));
  const document = runOf([{ id: 'a' }, { id: 'b', dependsOn: ['a'] }], { caps: { wallClock: '1h' } });
  const run = deriveRunId(PRINCIPAL, 's');
  // What a crash in the middle of admission leaves: the run's first row, and a timer that is due by the time of the restart.
  let admitted: RunRow | null = null;
  await withBed({ execute: () => SUCCEEDED }, async (bed) => {
    bed.submit('s', document);
    await finished(bed, 's');
    admitted = await bed.runRow(run);
  });
  const { name, queue, principal, submissionId, submission, plan, source, items, admittedAtMs } =
    admitted as unknown as RunRow;
  const row: RunRow = {
    name,
    queue,
    principal,
    submissionId,
    submission,
    plan,
    source,
    items,
    state: 'admitting',
    admittedAtMs,
    openedAtMs: admittedAtMs,
  };
  const store = openLocalRunStore(join(directory, 'store.sqlite'));
  await store.transact([
    { do: 'put', ...keys.run(run), expect: 0, body: row },
    { do: 'put', ...keys.activeRun(run), expect: 0, body: {} },
    { do: 'put', ...keys.timer(1, `run/${run}`), expect: 0, body: {} },
  ]);
  await store.close();
  await withBed({ execute: () => SUCCEEDED, directory }, async (bed) => {
    assert.equal((await bed.runRow(run))?.stopping, undefined);
    bed.submit('s', document);
    const { states } = await finished(bed, 's');
    assert.deepEqual(states, { a: 'done', b: 'done' });
  });
  rmSync(directory, { recursive: true, force: true });
});

it('stale timers: the timer of an earlier back-off does not end a later one', () => {
  const startedMs: number[] = [];
  // The other item's short back-offs make the engine look at the timers all the while.
  const execute: Execute = ({ item, attempt }) => {
    if (item === 'other') return attempt < 5 ? FAILED : SUCCEEDED;
    startedMs.push(performance.now());
    return startedMs.length < 2 ? FAILED : SUCCEEDED;
  };
  return withBed({ execute }, async (bed) => {
    const other = { id: 'other', retry: { maxAttempts: 5, backoff: '200ms', maxBackoff: '200ms' } };
    const run = bed.submit('s', runOf([{ id: 'a', retry: { maxAttempts: 2, backoff: '2s' } }, other]));
    await bed.until(async () => (await bed.itemRow(run, 'a'))?.notBeforeMs);
    await bed.deps.store.transact([{ do: 'put', ...keys.timer(1, `retry/${run}/a`), expect: 0, body: {} }]);
    await finished(bed, 's');
    const [first = 0, second = 0] = startedMs;
    assert.ok(second - first >= 1_000, `tried again after ${second - first} ms of a back-off of at least 1,000`);
  });
});
