/**
 * What a deployment tells others of its runs while they go on. Made from changes of rows as the work is, so nothing is
 * told that was not committed; a change that is seen twice tells twice, with the same `id`.
 *
 * It is a convenience for dashboards and chat, and no evidence: that is what a run's sealed record is for.
 */
import type { ItemState } from '@waybill/client/documents';
import { isoTime } from '#core/evidence.ts';
import type { CapName, LedgerRow, Percent } from '#core/money-rows.ts';
import { capOf } from '#core/purse.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { ItemRow, RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';

type EndOfItem = 'item.done' | 'item.failed' | 'item.skipped' | 'item.cancelled' | 'item.denied';

/** Names are never changed and details only grow: rules of others match on them. */
export type BusEvent =
  | { type: 'run.accepted'; detail: OfRun & { name: string; queue: string; submissionId: string; items: number } }
  | { type: 'run.completed'; detail: OfRun & { state: string } }
  | { type: 'run.sealed'; detail: OfRun & { state: string; runSeq: number; sealedIndex: number } }
  | { type: 'run.aborted'; detail: OfRun & { reason: string } }
  | { type: EndOfItem; detail: OfRun & { item: string; attempts: number; reason?: string } }
  | { type: 'cap.reached'; detail: OfCap };

interface OfRun {
  v: 1;
  /** The same for everything that tells of the same. */
  id: string;
  run: string;
  at: string;
}

interface OfCap {
  v: 1;
  id: string;
  at: string;
  cap: CapName;
  /** The day or the month; of the account `ever`. */
  window: string;
  percent: Percent;
  limitMicroUsd: number;
  /** Spent, reserved, or set aside for a queue. */
  usedMicroUsd: number;
}

const RUN = /^run\/(.+)$/;

/** @param nowMs when an item is told to have ended: its row does not say */
export function busEventsOf({ pk, sk, before, after }: RowChange, nowMs: number): BusEvent[] {
  if (pk === 'money') return after === null ? [] : ofLedger(before as LedgerRow | null, after as LedgerRow, nowMs);
  const run = RUN.exec(pk)?.[1];
  if (run === undefined || after === null) return [];
  if (sk === 'run') return ofRun(run, before as RunRow | null, after as RunRow);
  if (!sk.startsWith('item/')) return [];
  return ofItem(run, sk.slice('item/'.length), before as ItemRow | null, after as ItemRow, nowMs);
}

function ofLedger(before: LedgerRow | null, { caps, handed }: LedgerRow, nowMs: number): BusEvent[] {
  return (['account', 'month', 'day'] as const).flatMap((cap): BusEvent[] => {
    const { of: window, told: percent, microUsd: usedMicroUsd } = handed[cap];
    const was = before?.handed[cap];
    const limitMicroUsd = capOf(caps, cap);
    if (percent === undefined || limitMicroUsd === undefined) return [];
    if (was?.of === window && was.told === percent) return [];
    // Of another limit it is told again.
    const id = `cap/${cap}/${window}/${limitMicroUsd}/${percent}`;
    const about = { cap, window, percent, limitMicroUsd, usedMicroUsd };
    return [{ type: 'cap.reached', detail: { v: 1, id, at: isoTime(nowMs), ...about } }];
  });
}

function ofRun(run: string, before: RunRow | null, after: RunRow): BusEvent[] {
  // One that was made again from the log is nothing that happens now.
  if (after.recovered !== undefined) return [];
  const told: BusEvent[] = [];
  const appears = (name: 'openedAtMs' | 'completedAtMs' | 'sealedAtMs' | 'abortedAtMs'): number | undefined =>
    name === 'openedAtMs' || before?.[name] === undefined ? after[name] : undefined;
  const common = (what: string, atMs: number): OfRun => ({ v: 1, id: `${run}/${what}`, run, at: isoTime(atMs) });
  if (after.state !== 'admitting' && (before === null || before.state === 'admitting')) {
    const { name, queue, submissionId, items, openedAtMs } = after;
    told.push({
      type: 'run.accepted',
      detail: { ...common('accepted', openedAtMs), name, queue, submissionId, items },
    });
  }
  const completedAtMs = appears('completedAtMs');
  if (completedAtMs !== undefined) {
    told.push({ type: 'run.completed', detail: { ...common('completed', completedAtMs), state: after.state } });
  }
  const sealedAtMs = appears('sealedAtMs');
  if (sealedAtMs !== undefined) {
    const { state, runSeq = 0, sealedIndex = 0 } = after;
    told.push({ type: 'run.sealed', detail: { ...common('sealed', sealedAtMs), state, runSeq, sealedIndex } });
  }
  const abortedAtMs = appears('abortedAtMs');
  if (abortedAtMs !== undefined) {
    const { reason = '' } = after.aborting ?? {};
    told.push({ type: 'run.aborted', detail: { ...common('aborted', abortedAtMs), reason } });
  }
  return told;
}

function ofItem(run: string, item: string, before: ItemRow | null, after: ItemRow, nowMs: number): BusEvent[] {
  const hasEnded = (row: ItemRow | null): boolean => row !== null && isTerminal(row.state);
  if (!hasEnded(after) || hasEnded(before)) return [];
  const state = after.state as Extract<ItemState, 'done' | 'failed' | 'skipped' | 'cancelled' | 'denied'>;
  const reason = after.attempts.at(-1)?.reason;
  // Its later ends are others than its first.
  const again = after.reopened === undefined ? '' : `/${after.reopened}`;
  const detail = {
    ...{ v: 1 as const, id: `${run}/item/${item}${again}`, run, at: isoTime(nowMs), item, attempts: after.attempt },
    ...(state !== 'done' && reason !== undefined ? { reason } : {}),
  };
  return [{ type: `item.${state}`, detail }];
}
