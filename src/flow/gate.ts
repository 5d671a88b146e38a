/**
 * Gate: an item that people decide. It waits suspended, without slot, lock, task or place in any list, until enough of its
 * reviewers approve, too few are left who could, or its time is over. Each reviewer has one verdict; a silent one approves of nothing.
 */
import type { Digest, EventData, EventOf, Pseudonym } from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import { type GateRow, type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { TerminalState } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, askedItem, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { closeItem, completeRun, type ItemRef, makeReady, readItem, readRun } from '#flow/items.ts';
import { type Draft, decide } from '#flow/transaction.ts';

/** What has become of items that wait for nothing any more; collected for the events of one decision. */
export interface Begun {
  readied: string[];
  suspended: EventOf<'item.suspended'>['data']['items'];
  /** Something of it can be claimed now. */
  isQueued: boolean;
}

export function nothingBegun(): Begun {
  return { readied: [], suspended: [], isQueued: false };
}

/**
 * pending -> ready; suspended where it is a gate. The caller names the run's row in its decision.
 * @param reviewed what the gate is about
 */
export function begin(
  deps: FlowDeps,
  draft: Draft,
  ref: ItemRef,
  run: RunRow,
  spec: SpecRow,
  item: ItemRow,
  begun: Begun,
  reviewed?: Digest,
): void {
  if (spec.item.gate === undefined) {
    if (makeReady(deps, draft, ref, run, spec, item)) begun.isQueued = true;
    begun.readied.push(ref.item);
    return;
  }
  const { expiresMs } = spec.item.gate;
  const expires = expiresMs === undefined ? {} : { expiresAtMs: draft.atMs + expiresMs };
  const { deciding: _weighed, ...rest } = item;
  const about = reviewed === undefined ? {} : { reviewed };
  const gate: GateRow = { approved: [], rejected: [], ...expires, ...about };
  draft.put(keys.item(ref.run, ref.item), { ...rest, state: 'suspended', waitingOn: [], gate } satisfies ItemRow);
  if (expires.expiresAtMs !== undefined)
    draft.create(keys.timer(expires.expiresAtMs, `gate/${ref.run}/${ref.item}`), {});
  const expiresAt = expires.expiresAtMs === undefined ? {} : { expiresAt: isoTime(expires.expiresAtMs) };
  begun.suspended.push({ id: ref.item, reviewers: spec.reviewers ?? [], ...expiresAt, ...about });
}

export function emitBegun(draft: Draft, run: string, { readied, suspended }: Begun): void {
  if (readied.length > 0) draft.emit(run, { type: 'item.ready', data: { items: readied } });
  if (suspended.length > 0) draft.emit(run, { type: 'item.suspended', data: { items: suspended } });
}

/** Whether the principal is one of those who decide the item, whosever the run is; null where the item is no gate, or is not there. */
export async function isReviewer(
  deps: FlowDeps,
  draft: Draft,
  ref: ItemRef,
  principal: string,
): Promise<boolean | null> {
  const spec = await draft.readOne<SpecRow>(keys.spec(ref.run, ref.item));
  if (spec?.item.gate === undefined) return null;
  return spec.reviewers?.includes(pseudonymOf(deps, principal)) ?? false;
}

function pseudonymOf({ signer }: FlowDeps, principal: string): Pseudonym {
  return `hmac-sha256:${signer.pseudonym(principal)}`;
}

type Verdict = Extract<EventData['control.accepted']['verb'], 'approve' | 'reject'>;

/** What others have to be told of a verdict. */
export type Ruled = Answer & { ended?: { isCompleted: boolean } };

export async function acceptRuling(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  verdict: Verdict,
  { item: id, reviewed }: { item: string; reviewed?: string | undefined },
): Promise<Ruled> {
  const { run, row } = asked;
  const ref = { run, item: id };
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  const [spec, item] = await readItem(draft, ref);
  const given = verdict === 'approve' ? 'approved' : 'rejected';
  const by = pseudonymOf(deps, asked.principal);
  const { gate } = item;
  if (gate?.[given].includes(by)) return dedupedAs(run);
  const problem = problemOf(item, gate, by, spec, draft);
  if (problem !== null || gate === undefined || spec.item.gate === undefined)
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', ...(problem ?? NO_GATE) });
  if (reviewed !== undefined && reviewed !== gate.reviewed)
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.reviewed', ...OTHERWISE });
  if (verdict === 'approve' && reviewed === undefined && gate.reviewed !== undefined)
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.reviewed', ...BLINDLY });
  const named = reviewed === undefined || gate.reviewed === undefined ? {} : { reviewed: gate.reviewed };
  const tally: GateRow = { ...gate, [given]: [...gate[given], by] };
  emitControl(deps, draft, asked, verdict, id, named);
  // Written, so that what stops the run stands behind it.
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  const { approvals } = spec.item.gate;
  if (tally.approved.length >= approvals)
    return conclude(draft, ref, spec, { ...item, gate: tally }, 'done', 'approved');
  const left = (spec.reviewers ?? []).length - tally.rejected.length;
  if (left < approvals) return conclude(draft, ref, spec, { ...item, gate: tally }, 'denied', 'rejected');
  draft.put(keys.item(run, id), { ...item, gate: tally } satisfies ItemRow);
  return accepted(run);
}

const OTHERWISE = {
  problem: 'the gate is about something else than what was looked at',
  fix: 'Look at what it is about: `waybill explain` names its digest.',
};
const BLINDLY = {
  problem: 'the approval does not say what was looked at',
  fix: 'Look at what the gate is about, and name its digest: `waybill explain` shows both.',
};
const NO_GATE = { problem: 'the item is no gate', fix: 'Name an item that waits for a verdict.' };

function problemOf(
  item: ItemRow,
  gate: GateRow | undefined,
  by: Pseudonym,
  spec: SpecRow,
  draft: Draft,
): { problem: string; fix: string } | null {
  if (spec.item.gate === undefined) return NO_GATE;
  if (gate !== undefined && [...gate.approved, ...gate.rejected].includes(by))
    return { problem: 'you have given the other verdict', fix: 'A verdict stands: the other reviewers decide.' };
  if (item.state !== 'suspended' || gate === undefined) {
    const isEarly = item.state === 'pending';
    const fix = isEarly ? 'Decide it once what it depends on has ended.' : 'Nothing is left to decide.';
    return { problem: isEarly ? 'it does not wait for a verdict yet' : `it has ended as ${item.state}`, fix };
  }
  if (gate.expiresAtMs === undefined || draft.atMs < gate.expiresAtMs) return null;
  return { problem: 'its time is over', fix: 'Submit the run under a new id.' };
}

async function conclude(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  state: Extract<TerminalState, 'done' | 'denied'>,
  reason: string,
): Promise<Ruled> {
  const { completed } = await closeItem(draft, ref, spec, { ...item, reason }, state);
  draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, state, reason }] } });
  if (completed) await completeRun(draft, ref.run, completed);
  return { ...accepted(ref.run), ended: { isCompleted: completed !== null } };
}

/** Its time is over, and too few have approved. */
export async function expireGate(deps: FlowDeps, ref: ItemRef): Promise<void> {
  const ended = await decide(deps, async (draft) => {
    const run = await readRun(draft, ref.run);
    const [spec, item] = await readItem(draft, ref);
    if (item.state !== 'suspended' || run.stopping || item.gate?.expiresAtMs === undefined) return undefined;
    draft.atLeastMs(item.gate.expiresAtMs);
    draft.check(keys.run(ref.run));
    return (await conclude(draft, ref, spec, item, 'denied', 'gate_expired')).ended;
  });
  if (ended === undefined) return;
  deps.hints.itemEnded(ref.run, ref.item);
  if (ended.isCompleted) deps.hints.runCompleted(ref.run);
}
