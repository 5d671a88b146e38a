/** Payment: what an attempt may cost is taken from the cap of its run and from the purse of its queue, with its claim. */
import { type CapName, type LedgerRow, moneyKeys, type Purse, type RunPurseRow } from '#core/money-rows.ts';
import {
  DEFAULT_CAPS,
  dayOf,
  givenBack,
  handedOut,
  NO_RUN_PURSE,
  neverFits,
  newLedger,
  reserved,
  shortOf,
  toTell,
  turned,
  turnOf,
} from '#core/purse.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { AttemptRow, RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Draft } from '#flow/transaction.ts';

export type Payment =
  | { kind: 'paid'; attempt: Pick<AttemptRow, 'reserved' | 'capMicroUsd'>; purse?: Purse }
  /** What is left may become enough, when something is given back. */
  | { kind: 'short-of-run' }
  /** Until then, unless something is given back before. */
  | { kind: 'short-of-deployment'; untilMs: number | null }
  | { kind: 'never'; reason: 'run_cap_exhausted' | 'deployment_cap_exceeded' };

export interface Payer {
  run: string;
  row: RunRow;
  queue: QueueRow;
}

/** Takes it, or nothing. The run's purse is named even where nothing is taken: what it stands at is a cause of the claim. */
export async function pay(deps: FlowDeps, draft: Draft, payer: Payer, microUsd: number): Promise<Payment> {
  const { run, row, queue } = payer;
  const { capMicroUsd } = row;
  const key = moneyKeys.runPurse(run);
  const own = capMicroUsd === undefined ? null : await runPurse(draft, run);
  if (own !== null && capMicroUsd !== undefined) {
    draft.check(key);
    const left = capMicroUsd - own.spentMicroUsd;
    if (microUsd > left) return { kind: 'never', reason: 'run_cap_exhausted' };
    if (microUsd > left - own.heldMicroUsd) return { kind: 'short-of-run' };
  }
  const capped = capMicroUsd === undefined ? {} : { capMicroUsd };
  if (microUsd === 0) return { kind: 'paid', attempt: capped };
  const taken = await takeFrom(deps, draft, queue.purse ?? { pockets: {} }, microUsd);
  if ('kind' in taken) return taken;
  if (own !== null) draft.put(key, { ...own, heldMicroUsd: own.heldMicroUsd + microUsd } satisfies RunPurseRow);
  return { kind: 'paid', attempt: { ...capped, reserved: { microUsd, day: taken.day } }, purse: taken.purse };
}

async function takeFrom(
  deps: FlowDeps,
  draft: Draft,
  purse: Purse,
  microUsd: number,
): Promise<{ purse: Purse; day: string } | Exclude<Payment, { kind: 'paid' }>> {
  const nowMs = deps.clock.nowMs();
  const today = dayOf(nowMs);
  const next = reserved(purse, today, microUsd);
  if (next !== null) return { purse: next, day: today };
  const before = await ledgerOf(draft, today);
  const { day } = before.handed;
  if (neverFits(before.caps, microUsd) !== undefined) return { kind: 'never', reason: 'deployment_cap_exceeded' };
  const whole = givenBack(before, purse);
  const short = shortOf(whole.ledger, microUsd);
  if (short.length > 0) return { kind: 'short-of-deployment', untilMs: untilOf(short, nowMs) };
  const { ledger, purse: full } = handedOut(whole, day.of, microUsd);
  draft.put(moneyKeys.ledger(), toTell(ledger));
  const paid = reserved(full, day.of, microUsd) ?? full;
  const { asked: _asked, ...quiet } = paid;
  // Whether this queue waits any longer is known when all of it was tried.
  return { purse: ledger.waiting.length > 0 ? { ...quiet, asked: true } : quiet, day: day.of };
}

/** In the windows of that day. */
export async function ledgerOf(draft: Draft, day: string): Promise<LedgerRow> {
  const found = await draft.readOne<LedgerRow>(moneyKeys.ledger());
  return turned(found ?? newLedger(DEFAULT_CAPS, day), day);
}

export async function runPurse(draft: Draft, run: string): Promise<RunPurseRow> {
  return (await draft.readOne<RunPurseRow>(moneyKeys.runPurse(run))) ?? NO_RUN_PURSE;
}

/** When all of them have turned; null: one never does. */
function untilOf(short: readonly CapName[], nowMs: number): number | null {
  const turns = short.map((name) => turnOf(name, nowMs));
  return turns.includes(null) ? null : Math.max(...turns.map(Number));
}
