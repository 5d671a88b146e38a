/**
 * Reconcile: what an event should have started and did not. Each minute it looks at the rows that stand for unfinished
 * work, as every process of an engine does when it starts; in between, messages come that say that a timer is due.
 */
import type { Caps } from '#core/money-rows.ts';
import type { QueueDefinitions } from '#core/queue-definition.ts';
import { ATTEMPT_TIMER } from '#core/row-changes.ts';
import { keys } from '#core/rows.ts';
import type { SchedulesRow } from '#core/schedule-rows.ts';
import { overdueCallbacks } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { defineCaps } from '#flow/gather.ts';
import { loggedKeys } from '#flow/keys.ts';
import { defineQueues, knownQueues } from '#flow/queues.ts';
import { fireTimers, nextRuns, type OnTrouble, resumeRun, resumeTodos, sweepQueue } from '#flow/reconcile.ts';
import { runsAtWork } from '#flow/status.ts';
import { peek } from '#flow/transaction.ts';
import { turnTaken } from '#flow/turns.ts';
import { checkAttempt } from '#flow/worker.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { CALLBACK_PATIENCE_MS, callbackMessageFor } from '#lambdas/shared/callback-message.ts';
import { type Showing, STATUS_TIMER, showRun, unshownRuns } from '#lambdas/shared/paced-status.ts';
import { RESUME_SCHEDULES } from '#lambdas/shared/schedules-message.ts';
import { sequencerMessageFor } from '#lambdas/shared/sequencer-messages.ts';
import { type TimerMessage, timerMessage, timerMessageFor } from '#lambdas/shared/timer-messages.ts';
import type { Told } from '#lambdas/shared/told.ts';
import type { InboxObject } from '#ports/inbox.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import type { MessageQueue } from '#ports/message-queue.ts';

export interface ReconcileDuties {
  flow: FlowDeps;
  /** For statuses: what was staged may be remembered there. */
  glances: Mailbox;
  keysInForce(): Promise<void>;
  queues: QueueDefinitions;
  caps: Caps;
  submissions: MessageQueue;
  sequencer: MessageQueue;
  timers: MessageQueue;
  callbacks: MessageQueue;
  /** What S3 says of an object that waits in the inbox. */
  arrivalOf(object: InboxObject): object;
}

const MINUTE_MS = 60_000;
const INBOX_PAGE = 500;
/** What came a moment ago is being answered: told of again, two would answer it at once. */
const EVENT_PATIENCE_MS = 30_000;
/** Fewer than those after which a slot whose rule is `skip` counts as missed, with the patience of submit. */
const SCHEDULES_EACH_MINUTES = 3;
/** Some seconds' worth. */
const RUNS = 500;

/** Resolves with nothing for a tick of the clock, and with what failed for a batch of timer messages. */
export async function reconcile(
  duties: ReconcileDuties,
  event: unknown,
  told: Told,
): Promise<BatchResponse | undefined> {
  const isBatch = typeof event === 'object' && event !== null && 'Records' in event;
  if (isBatch) return timersDue(duties, event, told);
  await everyMinute(duties, told);
  return undefined;
}

async function timersDue(duties: ReconcileDuties, event: unknown, told: Told): Promise<BatchResponse> {
  await duties.keysInForce();
  return eachMessage(event, timerMessage, told, (message) => timerDue(duties, message, told));
}

async function timerDue(duties: ReconcileDuties, message: TimerMessage, told: Told): Promise<void> {
  const { flow, timers } = duties;
  const { dueMs, what } = message;
  const nowMs = flow.clock.nowMs();
  const early = dueMs > nowMs ? timerMessageFor(message, nowMs) : null;
  if (early !== null) return timers.send([early]);
  if (what.startsWith(STATUS_TIMER)) return showRun(showing(duties), what.slice(STATUS_TIMER.length));
  if (what.startsWith(ATTEMPT_TIMER)) return checkAttempt(flow, what.slice(ATTEMPT_TIMER.length), false);
  await fireTimers(
    flow,
    (about, error) => told.trouble(about, error),
    (run) => askAbort(duties, run),
  );
}

/** The record of the run goes on to the ledger, where only the sequencer writes. Asked again until it is done, once a minute. */
async function askAbort({ flow, sequencer }: ReconcileDuties, run: string): Promise<boolean> {
  if ((await peek(flow, keys.activeRun(run))) === null) return true;
  await sequencer.send([sequencerMessageFor({ do: 'abort', run }, causeNow(flow))]);
  return false;
}

/** The same question in the same minute is one message. */
function causeNow(flow: FlowDeps): string {
  return `minute-${minuteNow(flow)}`;
}

function minuteNow({ clock }: FlowDeps): number {
  return Math.floor(clock.nowMs() / MINUTE_MS);
}

/** Each part goes on although another has failed: what one cannot reach must not hide what the next could mend. */
async function everyMinute(duties: ReconcileDuties, told: Told): Promise<void> {
  const { flow, sequencer } = duties;
  const onTrouble: OnTrouble = (about, error) => told.trouble(about, error);
  const cause = causeNow(flow);
  const part = (about: string, act: () => Promise<unknown>): Promise<unknown> =>
    act().catch((error: unknown) => told.trouble(about, error));
  await part('queues', () => defineQueues(flow, duties.queues));
  await part('caps', () => defineCaps(flow, duties.caps));
  await part('sequencer', () => sequencer.send([sequencerMessageFor({ do: 'tick' }, cause)]));
  // Until the sequencer has begun the log there is nothing to look after: it was asked to just now.
  if ((await loggedKeys(flow)).length === 0) return;
  await duties.keysInForce();
  await part('inbox', () => forwardInbox(duties));
  await part('todo', () => resumeTodos(flow, onTrouble));
  await part('timers', () => sweepTimers(duties, onTrouble));
  for (const queue of await knownQueues(flow)) {
    await part(`queue ${queue}`, () => sweepQueue(flow, queue, false, onTrouble));
  }
  if (minuteNow(flow) % SCHEDULES_EACH_MINUTES === 0) {
    await part('schedules', () => askForSchedules(duties));
  }
  await part('runs', () => sweepRuns(duties, onTrouble));
  await part('callbacks', () => forwardCallbacks(duties));
  await part('progress', () => showProgress(duties, onTrouble));
}

/** Objects that wait are told of again; whoever has answered one meanwhile finds it gone. */
async function forwardInbox({ flow, submissions, arrivalOf }: ReconcileDuties): Promise<void> {
  const nowMs = flow.clock.nowMs();
  const listed = await flow.inbox.list({ limit: INBOX_PAGE });
  const waiting = listed.filter(({ arrivedAtMs = 0 }) => nowMs - arrivedAtMs >= EVENT_PATIENCE_MS);
  await submissions.send(waiting.map((object) => ({ body: arrivalOf(object) })));
}

/** Those of which no message came through or whose key was not to be had, and those whose sender has died; so many each minute, in turn. */
async function forwardCallbacks({ flow, callbacks }: ReconcileDuties): Promise<void> {
  const overdue = await overdueCallbacks(flow, flow.clock.nowMs() - CALLBACK_PATIENCE_MS, RUNS);
  await callbacks.send(overdue.map(callbackMessageFor));
}

/** Alarms go with the stack that holds them, and calls get lost. Without schedules this reads one row. */
async function askForSchedules({ flow, submissions }: ReconcileDuties): Promise<void> {
  const row = await peek<SchedulesRow>(flow, keys.schedules());
  if (row !== null && row.schedules.length > 0) await submissions.send([{ body: RESUME_SCHEDULES }]);
}

/** Fires what is due, and sends word for the next one if it is due before the next look. */
async function sweepTimers(duties: ReconcileDuties, onTrouble: OnTrouble): Promise<void> {
  const { flow, timers } = duties;
  const dueMs = await fireTimers(flow, onTrouble, (run) => askAbort(duties, run));
  const nowMs = flow.clock.nowMs();
  if (dueMs === null || dueMs > nowMs + MINUTE_MS) return;
  const message = timerMessageFor({ dueMs, what: 'next' }, nowMs);
  if (message !== null) await timers.send([message]);
}

/**
 * Takes up what is unfinished of runs that are not sealed, so many each minute, in turn. Their turn is over before it has
 * begun: one that takes too long must not come first again.
 */
async function sweepRuns(duties: ReconcileDuties, onTrouble: OnTrouble): Promise<void> {
  const { flow } = duties;
  const runs = await nextRuns(flow, 'reconcile', RUNS);
  await turnTaken(flow, 'reconcile', runs.at(-1));
  for (const run of runs) await resumeRun(flow, run).catch((error: unknown) => onTrouble(run, error));
  for (const run of await unshownRuns(flow, runs)) await show(duties, run, onTrouble);
}

/** The stream tells of every change of a row, and of nothing that workers say of their progress. */
async function showProgress(duties: ReconcileDuties, onTrouble: OnTrouble): Promise<void> {
  for (const run of await runsAtWork(duties.flow)) await show(duties, run, onTrouble);
}

function show(duties: ReconcileDuties, run: string, onTrouble: OnTrouble): Promise<void> {
  return showRun(showing(duties), run).catch((error: unknown) => onTrouble(run, error));
}

function showing({ flow, timers, glances }: ReconcileDuties): Showing {
  return { flow: { ...flow, mailbox: glances }, timers };
}
