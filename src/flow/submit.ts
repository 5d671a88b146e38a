/**
 * Submit: one object of the inbox becomes one run, or an answer that says why not. Replaying it, in whole or from any
 * point at which it was cut off, gives the same run and the same answer.
 */
import { compile, parseRun, planEdges, planEntries, refuseRunId } from '@waybill/client/compile';
import { type Refusal, RetryableError, TerminalError, WaybillError } from '@waybill/client/errors';
import type { Plan, PlanGate } from '@waybill/client/plan';
import { type Digest, deriveRunId, leafHash, type Pseudonym } from '@waybill/verify';
import { admissionRows, deadlineRows, type NewRow, planEvents, planRow } from '#core/admission.ts';
import { eventLine, hexOf, openedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { MAX_ADMISSION_BYTES, MAX_ENGINE_ACTIONS } from '#core/names.ts';
import { type EventRow, keys, type QueueRow, type RunRow } from '#core/rows.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { environmentProblems } from '#flow/environments.ts';
import { readRun } from '#flow/items.ts';
import { readyBatch, readyRoots } from '#flow/readiness.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { InboxObject } from '#ports/inbox.ts';
import { bytesOf, jsonOf } from '#ports/run-store.ts';

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
  const denial = isolationDenial(deps, plan);
  if (denial) return { status: 'denied', reasons: [denial] };
  const problems = [
    ...(await queueProblems(deps, from, plan, isAdmitting)),
    // What was accepted before is carried to its end, where an environment may be gone by then.
    ...(isAdmitting ? [] : environmentProblems(deps.worker, plan)),
    ...(await fetchSource(deps, from, plan)),
  ];
  return problems.length > 0 ? { status: 'invalid', reasons: problems } : null;
}

function conflictWith(object: InboxObject, run: string): Answer {
  const problem = `submission ${object.submissionId} is run ${run} with other content`;
  const fix = 'Submit other content under another submission id.';
  return { ...refuse('conflict', { code: 'SUBMISSION_CONFLICT', path: 'submissionId', problem, fix }), run };
}

/** Blocks of an agent may do anything, so they run in a sandbox or not at all. */
function isolationDenial(deps: FlowDeps, plan: Plan): Refusal | null {
  if (deps.worker.isolation !== 'none' || deps.worker.allowUnsandboxedAgents) return null;
  const n = plan.items.findIndex((item) => item.pipeline.some(({ block }) => block === 'agent'));
  if (n < 0) return null;
  return {
    code: 'ISOLATION_REQUIRED',
    path: `spec.items[${n}].pipeline`,
    problem: 'agent blocks need a sandbox and none works here',
    fix: 'Install bubblewrap, or start the engine with --unsandboxed to run agents with your own rights.',
  };
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

/** Moves the source bundle from the client's upload to the artifacts, checked against its digest on the way. */
async function fetchSource(
  deps: FlowDeps,
  object: Pick<InboxObject, 'principal'>,
  { source }: Plan,
): Promise<Refusal[]> {
  if (source.kind === 'none') return [];
  const path = 'spec.source.bundle';
  const size = await deps.artifacts.size(source.bundle);
  if (size === null) {
    const upload = await deps.inbox.openUpload(object.principal, source.bundle);
    if (upload === null) {
      const fix = 'Upload the bundle before the submission; the client does.';
      return [{ code: 'SOURCE_MISSING', path, problem: `bundle ${source.bundle} was not uploaded`, fix }];
    }
    try {
      await deps.artifacts.put(upload, { expected: source.bundle, maxBytes: source.sizeBytes });
    } catch (error) {
      if (!(error instanceof WaybillError) || error.retryable) throw error;
      const fix = 'Pack the source again and submit what was packed.';
      return [
        {
          code: 'SOURCE_INVALID',
          path,
          problem: `the uploaded bundle is not what the spec names: ${error.problem}`,
          fix,
        },
      ];
    }
  }
  const stored = await deps.artifacts.size(source.bundle);
  if (stored === source.sizeBytes) return [];
  const problem = `the bundle has ${stored} bytes, the spec says ${source.sizeBytes}`;
  return [
    {
      code: 'SOURCE_INVALID',
      path: 'spec.source.sizeBytes',
      problem,
      fix: 'Pack the source again and submit what was packed.',
    },
  ];
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
  const { row, isDone } = await decide(deps, async (draft) => {
    const [present] = await draft.read<RunRow>([keys.run(run), keys.activeRun(run)]);
    if (present) return { row: present, isDone: present.state !== 'admitting' };
    const fresh = newRun(deps, plan, object, submission);
    draft.put(keys.run(run), fresh);
    draft.put(keys.activeRun(run), {});
    const rows = rowsOf(deps, run, plan, fresh);
    const roots = plan.items.filter((item) => item.deps.length === 0).map((item) => ({ run, item: item.id }));
    // A row that no store takes is refused here, where nothing has been written.
    const isOneBatch = batchesOf(rows).length === 1;
    // Each root has a row in the list of its queue too, or a timer.
    const fits = rows.length + roots.length + ROWS_OF_ITS_OWN <= MAX_ENGINE_ACTIONS;
    if (!fits || !isOneBatch) return { row: fresh, isDone: false };
    for (const { key, body } of rows) draft.create(key, body);
    openIn(deps, draft, run, plan, fresh);
    await readyBatch(deps, draft, run, roots, true);
    return { row: fresh, isDone: true };
  });
  if (row.submission !== submission) return false;
  if (!isDone) await admitInParts(deps, run, plan, row).catch((error: unknown) => keepWaiting(object, error));
  deps.hints.runOpened(run);
  deps.hints.queueChanged(row.queue);
  return true;
}

async function admitInParts(deps: FlowDeps, run: string, plan: Plan, row: RunRow): Promise<void> {
  const rows = rowsOf(deps, run, plan, row);
  for (const batch of batchesOf(rows)) await writeMissing(deps, run, batch);
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

/** Cut before either too many rows or too many bytes of them. Throws TerminalError ROW_TOO_LARGE. */
function batchesOf(rows: readonly NewRow[]): NewRow[][] {
  const batches: NewRow[][] = [[]];
  let sizeBytes = 0;
  for (const row of rows) {
    const { pk, sk } = row.key;
    const rowBytes = bytesOf(jsonOf({ do: 'put', pk, sk, expect: 0, body: row.body }) ?? '');
    const { length = 0 } = batches.at(-1) ?? [];
    if (length === MAX_ENGINE_ACTIONS - 1 || (length > 0 && sizeBytes + rowBytes > MAX_ADMISSION_BYTES)) {
      batches.push([]);
      sizeBytes = 0;
    }
    batches.at(-1)?.push(row);
    sizeBytes += rowBytes;
  }
  return batches;
}

function rowsOf(deps: FlowDeps, run: string, plan: Plan, { admittedAtMs, openedAtMs, principal }: RunRow): NewRow[] {
  const planned = planEvents(planEntries(plan)).map((event, n) =>
    planRow(deps.origin, run, n, { event, atMs: admittedAtMs, salt: deps.chance.hex(16) }),
  );
  // Whoever submitted it decides where nobody else is named.
  const reviewersOf = ({ reviewers }: PlanGate): Pseudonym[] =>
    (reviewers.length === 0 ? [principal] : reviewers).map(
      (each): Pseudonym => `hmac-sha256:${deps.signer.pseudonym(each)}`,
    );
  return [...admissionRows(run, plan, reviewersOf), ...planned, ...deadlineRows(run, plan, openedAtMs)];
}

function newRun(deps: FlowDeps, plan: Plan, object: InboxObject, submission: Digest): RunRow {
  const nowMs = deps.clock.nowMs();
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
async function writeMissing(deps: FlowDeps, run: string, rows: NewRow[]): Promise<void> {
  await decide(deps, async (draft) => {
    if ((await readRun(draft, run)).state !== 'admitting') return;
    draft.check(keys.run(run));
    const present = await draft.read(rows.map(({ key }) => key));
    rows.forEach(({ key, body }, n) => {
      if (present[n] === null) draft.put(key, body);
    });
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
