/** An engine that is told to stop ends what is under way, and leaves the rest to the next one. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { aborted, SUCCEEDED } from '../support/finished-run.ts';
import { entriesOf } from '../support/ledger-entries.ts';
import { abortOf, runOf } from '../support/run-spec.ts';

const RUNS = 48;
const HANG_MS = 400;

it('stop waits for a witness that hangs as long as was agreed, not once for each run that waits for its seal', async () => {
  let asked = 0;
  const timers = new Set<object>();
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => ({
    ...deps,
    outsiderWaitMs: HANG_MS,
    witnesses: [
      {
        name: 'hangs',
        cosign() {
          asked += 1;
          return new Promise(() => {});
        },
      },
    ],
    clock: {
      nowMs: () => deps.clock.nowMs(),
      after(delayMs, run) {
        const timer = {};
        timers.add(timer);
        const cancel = deps.clock.after(delayMs, () => {
          timers.delete(timer);
          run();
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    },
  });
  const bed = await openFlowBed({ execute: () => SUCCEEDED, adapt, heartbeatMs: 50 });
  try {
    const runs = Array.from({ length: RUNS }, (_, n) => bed.submit(`s${n}`, runOf([{ id: 'x' }])));
    await bed.until(async () => {
      const rows = await Promise.all(runs.map((run) => bed.runRow(run)));
      return rows.every((row) => row?.completedAtMs !== undefined);
    });
    const before = asked;
    await bed.halt();
    // The checkpoint that is being made, the one that the seals which had begun wait for, and one for what was entered last.
    assert.ok(asked - before <= 3, `asked ${asked - before} times after it was told to stop`);
    assert.equal(timers.size, 0, 'no timer is left');
    assert.deepEqual(
      bed.errors.filter((error) => !('about' in error)),
      [],
    );
    const next = await openFlowBed({ directory: bed.directory, execute: () => SUCCEEDED });
    for (const n of runs.keys()) assert.equal((await next.sealed(`s${n}`)).report.exitCode, 0);
    await next.halt();
  } finally {
    await bed.close();
  }
});

it('what was entered last is covered by a checkpoint when the engine has stopped', async () => {
  const execute: Execute = async (_job, { signal }) => {
    await aborted(signal);
    return null;
  };
  const bed = await openFlowBed({ execute });
  try {
    const run = bed.submit('s', runOf([{ id: 'x' }]));
    await bed.until(() => bed.status('s')?.counts.running === 1);
    bed.control('a', abortOf(run, 'regret'));
    await bed.until(() => bed.status('s')?.aborted);
    await bed.halt();
    assert.deepEqual(
      entriesOf(bed.directory, 'run.aborted').map((entry) => entry.run),
      [run],
    );
    assert.deepEqual(bed.errors, []);
  } finally {
    await bed.close();
  }
});
