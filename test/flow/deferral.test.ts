/** Launches for which there is no room: they cost an item nothing, and a queue does not ask again for each that waits. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { MAX_INFRASTRUCTURE_RETRIES } from '#core/names.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

/** Minutes pass in tenths of a second. */
const FASTER = 1_000;
const MINUTE_MS = 60_000 / FASTER;

type Refuses = (attemptId: string) => boolean;

function refusing(refuses: Refuses): (deps: FlowBed['deps']) => FlowBed['deps'] {
  return ({ launcher, clock, ...deps }) => {
    const startedMs = clock.nowMs();
    return {
      ...deps,
      clock: {
        nowMs: () => startedMs + (clock.nowMs() - startedMs) * FASTER,
        after: (delayMs, run) => clock.after(delayMs / FASTER, run),
      },
      launcher: {
        probe: () => launcher.probe(),
        handleOf: (attemptId) => launcher.handleOf(attemptId),
        stop: (handle, graceMs) => launcher.stop(handle, graceMs),
        alive: (handles) => launcher.alive(handles),
        keep: (handle) => launcher.keep(handle),
        onStopped: (listener) => launcher.onStopped(listener),
        async launch(order) {
          if (!refuses(order.attemptId)) return launcher.launch(order);
          const told = { path: order.attemptId, problem: 'no vCPU is left', fix: 'Ask for a higher quota.' };
          throw new RetryableError({ code: 'LAUNCH_DEFERRED', ...told });
        },
      },
    };
  };
}

it('deferral: an item for which there was no room more often than it may be lost runs in the end', async () => {
  const most = MAX_INFRASTRUCTURE_RETRIES + 2;
  let refused = 0;
  const refuses = (): boolean => refused < most && refused++ >= 0;
  await withBed({ execute: () => SUCCEEDED, adapt: refusing(refuses), leaseMs: 1e9 }, async (bed) => {
    bed.submit('s', runOf([{ id: 'x', retry: { maxAttempts: 1 } }]));
    const { item, states, events, status } = await finished(bed, 's');
    assert.deepEqual(states, { x: 'done' });
    assert.equal(refused, most);
    const settled = events.flatMap((event) => (event.type === 'attempt.settled' ? [event.data] : []));
    assert.deepEqual(
      settled.map(({ outcome, reason, next, spent }) => [outcome, reason, next, spent].join(' ')),
      [...Array(most).fill('deferred launch_deferred retry false'), 'succeeded ok done false'],
    );
    assert.deepEqual(item('x')?.attempts.length, 1, 'what was put off stands in the events');
    assert.deepEqual([status.counts.attempts, status.counts.putOff, status.counts.retries], [most + 1, most, 0]);
  });
});

it('deferral: a queue with more slots than there is room fills what room there is and hardly asks for more', async () => {
  const [ROOM, SLOTS] = [2, 12];
  let [running, refused, together] = [0, 0, 0];
  const refuses = (): boolean => {
    if (running >= ROOM) return refused++ >= 0;
    running += 1;
    together = Math.max(together, running);
    return false;
  };
  const execute = async (): Promise<typeof SUCCEEDED> => {
    await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
    running -= 1;
    return SUCCEEDED;
  };
  await withBed({ execute, adapt: refusing(refuses), concurrency: SLOTS, leaseMs: 1e9 }, async (bed) => {
    const startedMs = Date.now();
    const items = Array.from({ length: 2 * SLOTS }, (_, n) => ({ id: `i${n}` }));
    bed.submit('s', runOf(items));
    const { states } = await finished(bed, 's');
    assert.ok(Object.values(states).every((state) => state === 'done'));
    assert.equal(together, ROOM);
    const minutes = (Date.now() - startedMs) / MINUTE_MS;
    // Of the first that are claimed all for which there is no room, then one a minute.
    assert.ok(refused >= SLOTS - ROOM && refused <= SLOTS + minutes, `${refused} refused in ${minutes} minutes`);
  });
});
