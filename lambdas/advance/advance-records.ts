/**
 * Advance: the table's stream moves everything on. What the records of a batch ask for is done here, in the order that
 * lets waiters go first, but for the work of others: the sequencer, timers and whoever calls back get a message, and dispatch
 * reads the stream by itself.
 */

import { busEventsOf } from '#core/bus-events.ts';
import { STOP_GRACE_MS } from '#core/names.ts';
import type { SequencerWork, Work } from '#core/row-changes.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { extend } from '#flow/extend.ts';
import { lineUp } from '#flow/pause.ts';
import { wakeDependents } from '#flow/readiness.ts';
import { reopen } from '#flow/reopen.ts';
import { spawn, weighItem } from '#flow/spawn.ts';
import { cancelItem } from '#flow/stop.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';
import { callbackMessageFor } from '#lambdas/shared/callback-message.ts';
import { showRun } from '#lambdas/shared/paced-status.ts';
import { sequencerMessageFor } from '#lambdas/shared/sequencer-messages.ts';
import { type Asked, askedFor, type Brought, changesOf, guarded, Retries } from '#lambdas/shared/stream.ts';
import { timerMessageFor } from '#lambdas/shared/timer-messages.ts';
import type { Told } from '#lambdas/shared/told.ts';
import type { MessageQueue } from '#ports/message-queue.ts';
import type { Notifier } from '#ports/notifier.ts';

export interface AdvanceDuties {
  flow: FlowDeps;
  sequencer: MessageQueue;
  timers: MessageQueue;
  callbacks: MessageQueue;
  /** Lets the execution go on that waits with this token. One that is gone is fine. */
  completeToken(token: string): Promise<void>;
  notifier: Notifier;
}

type Step = Exclude<Work, SequencerWork | { do: 'timer' | 'dispatch' | 'publish-status' | 'call-back' }>;

/** Released locks, ended items, then whole queues, then what is left of ended attempts. */
const ORDER: readonly Step['do'][] = [
  'cancel-item',
  'line-up',
  'reopen',
  'decide-item',
  'spawn',
  'extend',
  'advance-locks',
  'wake',
  'advance',
  'stop-worker',
  'complete-token',
];

export async function advanceRecords(duties: AdvanceDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const changes = changesOf(event, told);
  const asked = askedFor(changes, told);
  const retries = new Retries(told);
  await Promise.all([
    forward(duties, asked, retries),
    takeSteps(duties, asked, retries),
    tellOthers(duties, changes, told, retries),
  ]);
  // Last, so that it shows what was just done; once a run, however many of its rows have changed.
  for (const each of asked) {
    const { work } = each;
    if (work.do === 'publish-status') await retries.attempt(each, () => showRun(duties, work.run));
  }
  return retries.response();
}

/** Messages before anything else is not needed, beside it is enough: nobody waits for them here. */
async function forward(duties: AdvanceDuties, asked: Asked[], retries: Retries): Promise<void> {
  const { flow, sequencer, timers, callbacks } = duties;
  const sends = asked.map((each) => {
    const { work, sequenceNumber } = each;
    if (work.do === 'opened' || work.do === 'ended' || work.do === 'publish') {
      // By the record and not by what it says: a run that is asked for again later must not be taken for this one.
      return retries.attempt(each, () => sequencer.send([sequencerMessageFor(work, sequenceNumber)]));
    }
    if (work.do === 'call-back') return retries.attempt(each, () => callbacks.send([callbackMessageFor(work.run)]));
    if (work.do !== 'timer') return undefined;
    const message = timerMessageFor(work, flow.clock.nowMs());
    return message === null ? undefined : retries.attempt(each, () => timers.send([message]));
  });
  await Promise.all(sends);
}

/** All of a batch at once. Whoever listens may hear of it again with the batch. */
async function tellOthers(
  { flow, notifier }: AdvanceDuties,
  changes: readonly Brought[],
  told: Told,
  retries: Retries,
): Promise<void> {
  const events = changes.flatMap(({ change, sequenceNumber }) =>
    guarded(sequenceNumber, told, () =>
      busEventsOf(change, flow.clock.nowMs()).map((event) => ({ event, sequenceNumber })),
    ),
  );
  const [first] = events;
  if (first === undefined) return;
  await retries.tryAt(first.sequenceNumber, 'events', () => notifier.notify(events.map(({ event }) => event)));
}

/** One after another: they would meet in the same rows. */
async function takeSteps(duties: AdvanceDuties, asked: Asked[], retries: Retries): Promise<void> {
  const rank = ({ work }: Asked): number => ORDER.indexOf(work.do as Step['do']);
  const steps = asked.filter((each) => rank(each) >= 0).sort((a, b) => rank(a) - rank(b));
  for (const each of steps) await retries.attempt(each, () => take(duties, each.work as Step));
}

function take({ flow, completeToken }: AdvanceDuties, step: Step): Promise<unknown> {
  switch (step.do) {
    case 'cancel-item':
      return cancelItem(flow, step);
    case 'line-up':
      return lineUp(flow, step.run, step.by);
    case 'reopen':
      return reopen(flow, step);
    case 'decide-item':
      return weighItem(flow, step);
    case 'extend':
      return extend(flow, step.run, step.by);
    case 'spawn':
      return spawn(flow, step);
    case 'advance-locks':
      return advanceLocks(flow, step.by);
    case 'wake':
      return wakeDependents(flow, step);
    case 'advance':
      return advance(flow, step.queue);
    case 'stop-worker':
      return flow.launcher.stop(step.handle, STOP_GRACE_MS);
    case 'complete-token':
      return completeToken(step.token);
  }
}
