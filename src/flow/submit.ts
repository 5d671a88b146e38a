/**
 * Submit: one object of the inbox becomes one run, or an answer that says why not. Replaying it, in whole or from any
 * point at which it was cut off, gives the same run and the same answer.
 */
import { compile, parseRun, planEdges, planEntries, refuseRunId } from '@waybill/client/compile';
import { type Refusal, RetryableError, TerminalError, WaybillError } from '@waybill/client/errors';
import type { Plan } from '@waybill/client/plan';
import { type Digest, deriveRunId, leafHash } from '@waybill/verify';
import { admissionRows, deadlineRows, largestRows, type NewRow, planEvents, planRow } from '#core/admission.ts';
import { eventLine, hexOf, openedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { growthOf } from '#core/growth.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { EventRow } from '#core/record-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { egressDenials } from '#flow/egress.ts';
import { environmentProblems } from '#flow/environments.ts';
import { isolationDenial } from '#flow/isolation.ts';
import { readRun } from '#flow/items.ts';
import { modelProblems } from '#flow/models.ts';
import { readyBatch, readyRoots, weighRoots } from '#flow/readiness.ts';
import { reviewersIn } from '#flow/reviewers.ts';
import { batchesOf, putMissing } from '#flow/row-batches.ts';
import { secretProblems } from '#flow/secrets.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import { fetchUploads } from '#flow/uploads.ts';
import type { InboxObject } from '#ports/inbox.ts';

export async function submit(
  deps: FlowDeps,
  object: InboxObject,
  bytes: Uint8Array,
  submission: Digest,
): Promise<Answer> {
  const run = deriveRunId(object.principal, object.submissionId);
  const before = await peek<RunRow>(deps, keys.run(run));
  if (before && before.recovered !== 'bare' && before.submission !== submission) return conflictWith(object, run);
  if (before && before.state !== 'admitting') {
    // Taken in again, or by two at once: before the receipt is written, this is still the first answer.
    const isFirst = object.version !== undefined && object.version === before.arrived;
    return { status: isFirst ? 'accepted' : 'deduped', run, reasons: [] };
  }
  const isAdmitting = before !== null;
  const planned = await planOf(deps, object, bytes, isAdmitting);
  if ('status' in planned) {
    const [reason] = planned.reasons;
    if (isAdmitting && reason !== undefined) keepWaiting(object, new TerminalError(reason));
    return planned;
  }
  const opened = await admit(deps, run, planned, object, submission);
  return opened ? { status: 'accepted', run, reasons: [] } : conflictWith(object, run);
}

/** What the object asks for, or why it is refused. */
async function planOf(
  deps: FlowDeps,
  object: InboxObject,
  bytes: Uint8Array,
  isAdmitting: boolean,
): Promise<Plan | Answer> {
  const reserved = isAdmitting ? null : refuseRunId(object.submissionId);
  if (reserved !== null) return refuse('invalid', reserved);
  const parsed = parseRun(bytes);
  if (!parsed.ok) return { status: 'invalid', reasons: parsed.refusals };
  const compiled = compile(parsed.run);
  if (!compiled.ok) return { status: 'invalid', reasons: compiled.refusals };
  return (await refuseHere(deps, object, compiled.plan, isAdmitting)) ?? compiled.plan;
}

/**
 * Why this deployment does not take the run, whose plan is sound; null when it does. Its source is an artifact then.
 * @param isAdmitting it was accepted before, and only its rows are not all written
 */
export async function refuseHere(
  deps: FlowDeps,
  from: Pick<InboxObject, 'queue' | 'principal'>,
  plan: Plan,
  isAdmitting: boolean,
): Promise<Answer | null> {
  // What was accepted before is carried to its end, where a secret or an environment may be gone by then.
  const worker = isAdmitting ? { ...deps.worker, givesSecrets: true as const } : deps.worker;
  const denial = isolationDenial(worker, plan);
  const denials = denial !== null ? [denial] : isAdmitting ? [] : egressDenials(deps, plan.queue, plan);
  if (denials.length > 0) return { status: 'denied', reasons: denials };
  const problems = [
    ...(await queueProblems(deps, from, plan, isAdmitting)),
    ...(isAdmitting
      ? []
      : [
          ...environmentProblems(worker, plan),
          ...secretProblems(worker, plan),
          ...modelProblems(worker, plan),
          ...callbackProblems(deps, plan),
        ]),
    ...(await fetchUploads(deps, from, plan)),
  ];
  return problems.length > 0 ? { status: 'invalid', reasons: problems } : null;
}

function conflictWith(object: InboxObject, run: string): Answer {
  const problem = `submission ${object.submissionId} is run ${run} with other content`;
  const fix = 'Submit other content under another submission id.';
  return { ...refuse('conflict', { code: 'SUBMISSION_CONFLICT', path: 'submissionId', problem, fix }), run };
}

async function queueProblems(
  deps: FlowDeps,
  object: Pick<InboxObject, 'queue'>,
  plan: Plan,
  isAdmitting: boolean,
): Promise<Refusal[]> {
  const path = 'spec.queue';
  if (plan.queue !== object.queue) {
    const problem = `the run is for queue "${plan.queue}" and was put into "${object.queue}"`;
    return [{ code: 'QUEUE_UNKNOWN', path, problem, fix: 'Put it under the queue that the spec names.' }];
  }
  const queue = await peek<QueueRow>(deps, keys.queue(plan.queue));
  if (queue?.state === 'draining' && !isAdmitting) {
    const fix = 'Use another queue, or wait until the operator has opened it again.';
    return [{ code: 'QUEUE_DRAINING', path, problem: `the queue "${plan.queue}" takes no more runs`, fix }];
  }
  if ((queue?.concurrency ?? 0) > 0) return [];
  const problem = `there is no queue "${plan.queue}"`;
  return [{ code: 'QUEUE_UNKNOWN', path, problem, fix: 'Use "default", or define the queue in queues.json.' }];
}

function callbackProblems({ callbacks }: FlowDeps, { callback }: Plan): Refusal[] {
  if (callback === undefined || callbacks?.has(callback)) return [];
  const known = [...(callbacks ?? [])].sort().join(', ');
  const fix = known === '' ? 'Leave it out: this deployment names nobody.' : `Use one of ${known}.`;
  const problem = `the deployment names nobody "${callback}"`;
  return [{ code: 'SPEC_UNKNOWN_REFERENCE', path: 'spec.callback', problem, fix }];
}

/** Beside the rows of a plan: those of the run, of its being active, of its opening, and of what is ready or suspended then. */
const ROWS_OF_ITS_OWN = 5;

/**
 * All at once, from run.opened to the items that are ready, where it fits into one transaction: each of them costs its calls and
 * writes the row of the run anew. Else RUN `admitting`, then idempotent rows, then `open` together with run.opened, then the items
 * that are ready. False: another submission has this id.
 */
async function admit(
  deps: FlowDeps,
  run: string,
  plan: Plan,
  object: InboxObject,
  submission: Digest,
): Promise<boolean> {
  const roots = plan.items.filter((item) => item.deps.length === 0).map((item) => ({ run, item: item.id }));
  const { row, isDone, deferred, batches } = await decide(deps, async (draft) => {
    const [present] = await draft.read<RunRow>([keys.run(run), keys.activeRun(run)]);
    if (present) return { row: present, isDone: present.state !== 'admitting', deferred: [], batches: null };
    const fresh = newRun(deps, plan, object, submission);
    draft.put(keys.run(run), fresh);
    draft.put(keys.activeRun(run), {});
    const rows = rowsOf(deps, run, plan, fresh);
    // A row that no store takes is refused here, where nothing has been written; and one that would come later.
    if (fresh.growth) batchesOf(largestRows(run, rows));
    const batches = batchesOf(rows);
    // Each root has a row in the list of its queue too, or a timer.
    const fits = rows.length + roots.length + ROWS_OF_ITS_OWN <= MAX_ENGINE_ACTIONS;
    if (!fits || batches.length > 1) return { row: fresh, isDone: false, deferred: [], batches };
    for (const { key, body } of rows) draft.create(key, body);
    openIn(deps, draft, run, plan, fresh);
    return { row: fresh, isDone: true, deferred: await readyBatch(deps, draft, run, roots, true), batches };
  });
  if (row.submission !== submission) return false;
  if (!isDone) await admitInParts(deps, run, plan, row, batches).catch((error: unknown) => keepWaiting(object, error));
  deps.hints.runOpened(run);
  if (deferred.length < roots.length) deps.hints.queueChanged(row.queue);
  await weighRoots(deps, deferred);
  return true;
}

/** @param made the rows, where this call has made them */
async function admitInParts(
  deps: FlowDeps,
  run: string,
  plan: Plan,
  row: RunRow,
  made: NewRow[][] | null,
): Promise<void> {
  for (const batch of made ?? batchesOf(rowsOf(deps, run, plan, row))) await writeAdmitting(deps, run, batch);
  await decide(deps, async (draft) => {
    const now = await readRun(draft, run);
    if (now.state === 'admitting') openIn(deps, draft, run, plan, now);
  });
  await readyRoots(deps, run);
}

/**
 * A submission of which rows have been written is not refused any more. To take them away is not safe: the same object may be taken
 * in twice at once, and rows that the other writes behind the removal, or timers that were put off meanwhile, would become part
 * of what is submitted next under this id. So it stays in the inbox, where whoever looks after it sees why, and goes on from there.
 */
function keepWaiting({ submissionId }: InboxObject, error: unknown): never {
  if (!(error instanceof WaybillError) || error.retryable) throw error;
  const problem = `the admission of ${submissionId} has begun and cannot go on: ${error.code}: ${error.problem}`;
  const { path, fix } = error;
  throw new RetryableError({ code: 'STORE_BUSY', path, problem, fix }, { cause: error });
}

function rowsOf(deps: FlowDeps, run: string, plan: Plan, { admittedAtMs, openedAtMs, principal }: RunRow): NewRow[] {
  const planned = planEvents(planEntries(plan)).map((event, n) =>
    planRow(deps.origin, run, n, { event, atMs: admittedAtMs, salt: deps.chance.hex(16) }),
  );
  return [
    ...admissionRows(run, plan, reviewersIn(deps, principal)),
    ...planned,
    ...deadlineRows(run, plan, openedAtMs),
  ];
}

function newRun(deps: FlowDeps, plan: Plan, object: InboxObject, submission: Digest): RunRow {
  const nowMs = deps.clock.nowMs();
  const growth = growthOf(plan, planEdges(plan));
  return {
    name: plan.name,
    queue: plan.queue,
    principal: object.principal,
    submissionId: object.submissionId,
    submission,
    ...(object.version === undefined ? {} : { arrived: object.version }),
    plan: plan.digest,
    source: plan.source,
    items: plan.items.length,
    ...(growth === undefined ? {} : { growth }),
    ...(plan.capMicroUsd === undefined ? {} : { capMicroUsd: plan.capMicroUsd }),
    ...(plan.callback === undefined ? {} : { callsBack: true as const }),
    state: 'admitting',
    admittedAtMs: nowMs,
    openedAtMs: nowMs,
    ...(plan.wallClockMs === undefined ? {} : { deadlineAtMs: nowMs + plan.wallClockMs }),
  };
}

/**
 * Only while the run is being admitted: the same object may be taken in twice at once, and what the other has opened goes its way.
 * A plan that left the outbox for its places in the record must not be written there again.
 */
async function writeAdmitting(deps: FlowDeps, run: string, rows: NewRow[]): Promise<void> {
  await decide(deps, async (draft) => {
    if ((await readRun(draft, run)).state !== 'admitting') return;
    draft.check(keys.run(run));
    await putMissing(draft, rows);
  });
}

function openIn(deps: FlowDeps, draft: Draft, run: string, plan: Plan, row: RunRow): void {
  const event = openedEvent(row, deps.signer.pseudonym(row.principal), planEdges(plan));
  const salted = { atMs: row.openedAtMs, salt: deps.chance.hex(16), event };
  const body: EventRow = unplacedLine(unplacedEvent(deps.origin, run, salted));
  const opened: RunRow = { ...row, state: 'open', openedEvent: hexOf(leafHash(eventLine(body, 0))) };
  draft.create(keys.event(run, 0, 0), body);
  draft.put(keys.run(run), opened);
}
