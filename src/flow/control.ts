/**
 * Control: a verified principal changes the course of a run. What is asked for is recorded with the event; what follows
 * from it (ending items, stopping workers) is worked off afterwards and taken up again after a crash.
 */
import { parseControl } from '@waybill/client/compile';
import type { Digest } from '@waybill/verify';
import { type ItemRow, keys, type OpenRow, type RunRow, type StoppingReason } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { closeItem, completeRun, type ItemRef, readItem, readRun, unqueueItem } from '#flow/items.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';
import { markForStop, tellWorkers } from '#flow/worker.ts';
import type { InboxObject } from '#ports/inbox.ts';

/** Answers a control object. Asking for what has been done already is deduped; a sealed or unknown run is left alone. */
export async function control(deps: FlowDeps, object: InboxObject, bytes: Uint8Array, digest: Digest): Promise<Answer> {
  const parsed = parseControl(bytes);
  if (!parsed.ok) return { status: 'invalid', reasons: parsed.refusals };
  const { run, item } = parsed.control.spec;
  const answer = await decide(deps, (draft) => accept(deps, draft, object.principal, digest, run, item));
  if (answer.status !== 'accepted') return answer;
  if (item === undefined) await stopRun(deps, run);
  else await cancelItem(deps, { run, item });
  deps.hints.runChanged(run);
  return answer;
}

async function accept(
  deps: FlowDeps,
  draft: Draft,
  principal: string,
  digest: Digest,
  run: string,
  item: string | undefined,
): Promise<Answer> {
  const row = await draft.readOne<RunRow>(keys.run(run));
  const path = 'spec.run';
  if (!row || row.state === 'admitting') {
    return refuse('invalid', {
      code: 'RUN_UNKNOWN',
      path,
      problem: `there is no run ${run}`,
      fix: 'Name a run id of `waybill runs`.',
    });
  }
  if (row.principal !== principal) {
    const fix = 'Ask the principal who submitted the run.';
    return refuse('denied', { code: 'PRINCIPAL_MISMATCH', path, problem: 'the run belongs to another principal', fix });
  }
  if (row.completedAtMs !== undefined) {
    const fix = 'Nothing is left to cancel.';
    return refuse('invalid', { code: 'RUN_SEALED', path, problem: `the run has ended as ${row.state}`, fix });
  }
  if (row.stopping) return { status: 'deduped', run, reasons: [] };
  if (item !== undefined) {
    const found = await draft.readOne<ItemRow>(keys.item(run, item));
    if (!found) {
      const fix = 'Name an item of the run, as `waybill status` lists them.';
      return refuse('invalid', {
        code: 'ITEM_UNKNOWN',
        path: 'spec.item',
        problem: `the run has no item ${item}`,
        fix,
      });
    }
    if (isTerminal(found.state) || found.cancelAsked) return { status: 'deduped', run, reasons: [] };
    draft.put(keys.item(run, item), { ...found, cancelAsked: true } satisfies ItemRow);
    draft.create(keys.todoCancel(run, item), {});
  }
  if (item === undefined) await standBehindClaims(draft, row);
  draft.put(keys.run(run), {
    ...row,
    ...(item === undefined ? { stopping: 'cancelled' as const } : {}),
  } satisfies RunRow);
  const pseudonym = `hmac-sha256:${deps.signer.pseudonym(principal)}` as const;
  const data = {
    verb: 'cancel' as const,
    ...(item === undefined ? {} : { item }),
    principal: pseudonym,
    control: digest,
  };
  draft.emit(run, { type: 'control.accepted', data });
  if (item === undefined) draft.emit(run, { type: 'run.stopping', data: { reason: 'cancelled' } });
  return { status: 'accepted', run, reasons: [] };
}

/** Every claim writes the row of its queue: naming it puts the stop behind all claims that were made before. */
async function standBehindClaims(draft: Draft, run: RunRow): Promise<void> {
  await draft.read([keys.queue(run.queue)]);
  draft.check(keys.queue(run.queue));
}

/** The run's wall clock is over. */
export async function exceedRunDeadline(deps: FlowDeps, run: string): Promise<void> {
  const stopping = await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.completedAtMs !== undefined || row.stopping) return row.stopping !== undefined;
    await standBehindClaims(draft, row);
    draft.put(keys.run(run), { ...row, stopping: 'deadline_exceeded' } satisfies RunRow);
    draft.emit(run, { type: 'run.stopping', data: { reason: 'deadline_exceeded' } });
    return true;
  });
  if (stopping) await stopRun(deps, run);
}

/** Ends every open item of a stopping run. Interrupted, it is called again and finds what is left. */
export async function stopRun(deps: FlowDeps, run: string): Promise<void> {
  const row = await peek<RunRow>(deps, keys.run(run));
  const root = await peek<OpenRow>(deps, keys.openRoot(run));
  if (!row?.stopping || !root) return;
  for (const n of root.ids) {
    const open = await peek<OpenRow>(deps, keys.open(run, Number(n)));
    await stopItems(deps, run, open?.ids ?? [], row.stopping);
  }
}

export async function cancelItem(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await stopItems(deps, ref.run, [ref.item], 'cancelled');
  await forget(deps, keys.todoCancel(ref.run, ref.item));
}

/** The item's own deadline is over. */
export async function exceedItemDeadline(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await stopItems(deps, ref.run, [ref.item], 'deadline_exceeded');
}

/**
 * Items without an attempt end at once, each in a decision of its own (leaving the wait lists of 32 locks takes 64
 * rows); running ones are told, and end when their attempt is settled.
 */
async function stopItems(deps: FlowDeps, run: string, items: string[], why: StoppingReason): Promise<void> {
  const told: string[] = [];
  for (const item of items) {
    const outcome = await decide(deps, (draft) => stopItem(deps, draft, { run, item }, why));
    if (outcome.told !== undefined) told.push(outcome.told);
    if (outcome.ended) deps.hints.itemEnded(run, item);
    if (outcome.left) deps.hints.locksReleased(`${run}/${item}`);
    if (outcome.completed) deps.hints.runCompleted(run);
  }
  await tellWorkers(deps, told);
}

interface Stopped {
  /** The attempt that was marked to be stopped. */
  told?: string;
  ended: boolean;
  completed: boolean;
  /** It left the wait lists of locks, where others may now come first. */
  left: boolean;
}

/**
 * The run's row is named even where it does not change: what asked for the end is recorded with it, and must stand
 * before the end in the order of events. A running attempt is marked here and not later, so that it cannot be settled
 * as a retry in between.
 */
async function stopItem(deps: FlowDeps, draft: Draft, ref: ItemRef, why: StoppingReason): Promise<Stopped> {
  const run = await readRun(draft, ref.run);
  const [spec, item] = await readItem(draft, ref);
  const none: Stopped = { ended: false, completed: false, left: false };
  if (isTerminal(item.state)) return none;
  draft.check(keys.run(ref.run));
  const attempt = item.attempts.at(-1);
  if (item.state === 'running' && attempt) {
    return (await markForStop(deps, draft, attempt.id, why)) ? { ...none, told: attempt.id } : none;
  }
  const left = item.parked === true;
  if (left) draft.create(keys.todoLocks(`${ref.run}/${ref.item}`), { names: spec.item.locks.map(({ name }) => name) });
  await unqueueItem(deps, draft, run.queue, spec, item);
  const state = why === 'cancelled' ? 'cancelled' : 'failed';
  const { completed } = await closeItem(draft, ref, spec, { ...item, reason: why }, state);
  draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, state, reason: why }] } });
  if (completed) await completeRun(draft, ref.run, completed);
  return { ended: true, completed: completed !== null, left };
}
