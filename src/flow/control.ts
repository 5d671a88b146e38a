/**
 * Control: a verified principal changes the course of a run. What is asked for is recorded with the event; what follows
 * from it (ending items, stopping workers, leaving lists) is worked off afterwards and taken up again after a crash.
 */
import { parseControl, type RunVerb } from '@waybill/client/compile';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { ABORT_MS } from '#flow/abort.ts';
import { acceptClose, acceptExtension } from '#flow/accept-extension.ts';
import { noteLateControl } from '#flow/addendum.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import {
  type Asked,
  accepted,
  answerBefore,
  askedItem,
  controlId,
  dedupedAs,
  emitControl,
  rememberAnswer,
} from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { acceptRuling, isReviewer } from '#flow/gate.ts';
import { acceptPause, lineUp } from '#flow/pause.ts';
import { refusalOf, refuseUnknown } from '#flow/permission.ts';
import { acceptAnswer } from '#flow/questions.ts';
import { wakeDependents } from '#flow/readiness.ts';
import { reopen } from '#flow/reopen.ts';
import { acceptRequeue } from '#flow/requeue.ts';
import { acceptRetry } from '#flow/retry.ts';
import { addSchedule, steerSchedule } from '#flow/schedules.ts';
import { acceptSkip } from '#flow/skip.ts';
import { cancelItem, standBehindClaims, stopRun } from '#flow/stop.ts';
import { type Draft, decide } from '#flow/transaction.ts';
import { tellWorkers } from '#flow/worker.ts';
import type { InboxObject } from '#ports/inbox.ts';

/** Answers an object of the control queue: a verb about a run or a schedule, or a schedule that is to be in force. */
export async function control(deps: FlowDeps, object: InboxObject, bytes: Uint8Array, digest: Digest): Promise<Answer> {
  const parsed = parseControl(bytes);
  if (!parsed.ok) return { status: 'invalid', reasons: parsed.refusals };
  if (parsed.control.kind === 'Schedule') return addSchedule(deps, object, parsed.control);
  const { spec } = parsed.control;
  return spec.verb === 'schedule' ? steerSchedule(deps, object, spec) : steer(deps, object, spec, digest);
}

/** Asking for what has been done already is deduped; a sealed or unknown run is left alone. */
async function steer(deps: FlowDeps, object: InboxObject, spec: RunVerb, digest: Digest): Promise<Answer> {
  const { run } = spec;
  const { follow, before, ...answer } = await decide(deps, async (draft): Promise<Decided> => {
    const row = await draft.readOne<RunRow>(keys.run(run));
    if (spec.verb === 'abort' && row?.aborting && row.principal === object.principal) return dedupedAs(run);
    const isRuling = spec.verb === 'approve' || spec.verb === 'reject';
    const isJudge = isRuling ? await isReviewer(deps, draft, { run, item: spec.item }, object.principal) : null;
    const refusal = refusalOf(object.principal, run, row, isJudge);
    if (refusal !== null || row === null) {
      const isLate = row?.principal === object.principal && row.sealedIndex !== undefined;
      if (isLate) await noteLateControl(deps, draft, run, row, digest);
      return refusal ?? refuseUnknown(run);
    }
    const { principal, submissionId } = object;
    return acceptOnce(deps, draft, { principal, submissionId, digest, run, row }, spec);
  });
  if (before) {
    await before();
    return steer(deps, object, spec, digest);
  }
  if (answer.status === 'invalid') deps.hints.entered();
  if (answer.status !== 'accepted') return answer;
  // Accepted is what it was: a todo row stands for what could not follow, and whoever looks after the deployment is told.
  await follow?.().catch((error: unknown) => {
    if (!(error instanceof TerminalError)) throw error;
    deps.hints.trouble(run, error);
  });
  return answer;
}

type Decided = Answer & {
  /** What comes of it, once it is recorded. A row says so too, for whoever has to take it up. */
  follow?: () => Promise<void>;
  /** What has to be finished first; nothing was decided, and it is asked again. */
  before?: () => Promise<void>;
};

async function acceptOnce(deps: FlowDeps, draft: Draft, asked: Asked, spec: RunVerb): Promise<Decided> {
  const before = await answerBefore(draft, asked);
  if (before !== null) return before;
  const decided = await accept(deps, draft, asked, spec);
  if (!decided.before) rememberAnswer(draft, asked, decided);
  return decided;
}

async function accept(deps: FlowDeps, draft: Draft, asked: Asked, spec: RunVerb): Promise<Decided> {
  const { run, row } = asked;
  if (spec.verb === 'abort') return acceptAbort(deps, draft, asked, spec.reason);
  if (row.completedAtMs !== undefined) {
    const problem = `the run has ended as ${row.state}`;
    return refuse('invalid', { code: 'RUN_SEALED', path: 'spec.run', problem, fix: 'Nothing is left to steer.' });
  }
  if (spec.verb === 'cancel') return acceptCancel(deps, draft, asked, spec.item);
  if (row.stopping) {
    const problem = `the run is being ended: ${row.stopping}`;
    return refuse('invalid', { code: 'RUN_SEALED', path: 'spec.run', problem, fix: 'Nothing is left to steer.' });
  }
  if (spec.verb === 'retry') return retry(deps, draft, asked, spec.item);
  if (spec.verb === 'skip') return skip(deps, draft, asked, spec.item);
  if (spec.verb === 'requeue') return requeue(deps, draft, asked, spec.item);
  if (spec.verb === 'answer') return reply(deps, draft, asked, spec);
  if (spec.verb === 'approve' || spec.verb === 'reject') return rule(deps, draft, asked, spec.verb, spec);
  if (spec.verb === 'extend') return acceptExtension(deps, draft, asked, spec);
  if (spec.verb === 'close') return acceptClose(deps, draft, asked);
  const answer = await acceptPause(deps, draft, asked, spec.verb);
  return { ...answer, follow: () => lineUp(deps, run, controlId(asked)) };
}

async function retry(deps: FlowDeps, draft: Draft, asked: Asked, item: string): Promise<Decided> {
  const ref = { run: asked.run, item };
  const { next, ...answer } = await acceptRetry(deps, draft, asked, item);
  if (next === 'tell-end') return { ...answer, before: () => wakeDependents(deps, ref) };
  if (next === 'reopen') return { ...answer, follow: () => reopen(deps, ref) };
  const follow = async (): Promise<void> => deps.hints.queueChanged(asked.row.queue);
  return next === 'advance' ? { ...answer, follow } : answer;
}

async function skip(deps: FlowDeps, draft: Draft, asked: Asked, item: string): Promise<Decided> {
  const { run } = asked;
  const { skipped, ...answer } = await acceptSkip(deps, draft, asked, item);
  const follow = async (): Promise<void> => {
    deps.hints.itemEnded(run, item);
    if (skipped?.left) deps.hints.locksReleased(`${run}/${item}`);
    if (skipped?.completed) deps.hints.runCompleted(run);
  };
  return { ...answer, follow };
}

async function requeue(deps: FlowDeps, draft: Draft, asked: Asked, item: string): Promise<Decided> {
  const { requeued, ...answer } = await acceptRequeue(deps, draft, asked, item);
  const follow = async (): Promise<void> => {
    if (requeued?.left) deps.hints.locksReleased(requeued.left);
    if (requeued?.marked) await tellWorkers(deps, [requeued.marked]);
    else deps.hints.queueChanged(asked.row.queue);
  };
  return { ...answer, follow };
}

async function reply(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  spec: Parameters<typeof acceptAnswer>[3],
): Promise<Decided> {
  const { isQueued, ...answer } = await acceptAnswer(deps, draft, asked, spec);
  const follow = async (): Promise<void> => deps.hints.queueChanged(asked.row.queue);
  return isQueued ? { ...answer, follow } : answer;
}

async function rule(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  verdict: 'approve' | 'reject',
  about: Parameters<typeof acceptRuling>[4],
): Promise<Decided> {
  const { ended, ...answer } = await acceptRuling(deps, draft, asked, verdict, about);
  const follow = async (): Promise<void> => {
    deps.hints.itemEnded(asked.run, about.item);
    if (ended?.isCompleted) deps.hints.runCompleted(asked.run);
  };
  return ended === undefined ? answer : { ...answer, follow };
}

/** Stops the run like a cancel, where something of it is still open, and notes that it must not be sealed. */
async function acceptAbort(deps: FlowDeps, draft: Draft, asked: Asked, reason: string): Promise<Decided> {
  const { run, row } = asked;
  const stops = row.completedAtMs === undefined && !row.stopping;
  if (stops) await standBehindClaims(draft, row);
  const stopping = stops ? { stopping: 'cancelled' as const } : {};
  draft.put(keys.run(run), { ...row, ...stopping, aborting: { reason } } satisfies RunRow);
  const abortAtMs = draft.atMs + ABORT_MS;
  draft.create(keys.timer(abortAtMs, `abort/${run}`), {});
  if (stops) emitStop(deps, draft, asked);
  return { ...accepted(run), follow: () => takeDown(deps, run, abortAtMs) };
}

/** @param abortAtMs when the run is taken down, whether all of it has ended or not */
async function takeDown(deps: FlowDeps, run: string, abortAtMs: number): Promise<void> {
  deps.hints.timerSet(abortAtMs);
  await stopRun(deps, run);
  deps.hints.runCompleted(run);
}

function emitStop(deps: FlowDeps, draft: Draft, asked: Asked): void {
  emitControl(deps, draft, asked, 'cancel');
  draft.emit(asked.run, { type: 'run.stopping', data: { reason: 'cancelled' } });
}

async function acceptCancel(deps: FlowDeps, draft: Draft, asked: Asked, item: string | undefined): Promise<Decided> {
  const { run, row } = asked;
  if (row.stopping) return dedupedAs(run);
  if (item === undefined) {
    await standBehindClaims(draft, row);
    draft.put(keys.run(run), { ...row, stopping: 'cancelled' } satisfies RunRow);
    emitStop(deps, draft, asked);
    return { ...accepted(run), follow: () => stopRun(deps, run) };
  }
  const found = await askedItem(draft, run, item);
  if ('status' in found) return found;
  if (isTerminal(found.state) || found.cancelAsked) return dedupedAs(run);
  draft.put(keys.item(run, item), { ...found, cancelAsked: true } satisfies ItemRow);
  draft.create(keys.todoCancel(run, item), {});
  draft.put(keys.run(run), { ...row });
  emitControl(deps, draft, asked, 'cancel', item);
  return { ...accepted(run), follow: () => cancelItem(deps, { run, item }) };
}
