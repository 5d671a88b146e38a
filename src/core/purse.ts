/** Arithmetic of purses: what is reserved, given back and handed out. Pure. */
import type { CapName, Caps, Handed, LedgerRow, Percent, Pocket, Purse, RunPurseRow } from '#core/money-rows.ts';

/** Until somebody says how much the account may spend, it is this, ever. */
export const DEFAULT_CAPS: Caps = { accountMicroUsd: 1_000_000_000 };

const CAP_NAMES = ['account', 'month', 'day'] as const;
const PERCENTS = [100, 80, 50] as const;
/** A queue is handed this part of what is left, and so comes back the less often the more there is. */
const SHARE = 32;
const DAY_MS = 86_400_000;

export const NO_RUN_PURSE: RunPurseRow = { heldMicroUsd: 0, spentMicroUsd: 0 };
const NO_POCKET: Pocket = { freeMicroUsd: 0, heldMicroUsd: 0 };

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function monthOf(day: string): string {
  return day.slice(0, 7);
}

/** When the window of a cap turns after `ms`; null: never. */
export function turnOf(cap: CapName, ms: number): number | null {
  if (cap === 'account') return null;
  if (cap === 'day') return (Math.floor(ms / DAY_MS) + 1) * DAY_MS;
  const now = new Date(ms);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
}

export function capOf(caps: Caps, name: CapName): number | undefined {
  return caps[`${name}MicroUsd`];
}

export function newLedger(caps: Caps, day: string): LedgerRow {
  const nothing = (of: string): Handed => ({ of, microUsd: 0 });
  return {
    caps,
    handed: { account: nothing('ever'), month: nothing(monthOf(day)), day: nothing(day) },
    waiting: [],
  };
}

/** In the windows of a day. One that is over does not come back when a clock is set back. */
export function turned(ledger: LedgerRow, day: string): LedgerRow {
  const now = (held: Handed, of: string): Handed => (of > held.of ? { of, microUsd: 0 } : held);
  const { account, month, day: last } = ledger.handed;
  return { ...ledger, handed: { account, month: now(month, monthOf(day)), day: now(last, day) } };
}

/** Caps that leave less than is needed. */
export function shortOf(ledger: LedgerRow, neededMicroUsd: number): CapName[] {
  return CAP_NAMES.filter((name) => neededMicroUsd > leftOf(ledger, name));
}

/** A cap of which the whole would not do. */
export function neverFits(caps: Caps, neededMicroUsd: number): CapName | undefined {
  return CAP_NAMES.find((name) => neededMicroUsd > (capOf(caps, name) ?? neededMicroUsd));
}

export function leftOf({ caps, handed }: LedgerRow, name: CapName): number {
  const cap = capOf(caps, name);
  return cap === undefined ? Number.POSITIVE_INFINITY : cap - handed[name].microUsd;
}

/** Everything that is free in the purse goes back to the windows that it came from; what is over of those is nobody's. */
export function givenBack(ledger: LedgerRow, purse: Purse): { ledger: LedgerRow; purse: Purse } {
  const handed = { ...ledger.handed };
  const take = (name: CapName, microUsd: number): void => {
    handed[name] = { ...handed[name], microUsd: handed[name].microUsd - microUsd };
  };
  const pockets: Purse['pockets'] = {};
  for (const [day, { freeMicroUsd, heldMicroUsd }] of Object.entries(purse.pockets)) {
    take('account', freeMicroUsd);
    if (handed.month.of === monthOf(day)) take('month', freeMicroUsd);
    if (handed.day.of === day) take('day', freeMicroUsd);
    if (heldMicroUsd > 0) pockets[day] = { freeMicroUsd: 0, heldMicroUsd };
  }
  return { ledger: { ...ledger, handed }, purse: { ...purse, pockets } };
}

/** Hands a queue enough for `neededMicroUsd` and some more; the caller has seen that nothing is short. */
export function handedOut(
  { ledger, purse }: { ledger: LedgerRow; purse: Purse },
  day: string,
  neededMicroUsd: number,
): { ledger: LedgerRow; purse: Purse } {
  const left = Math.min(...CAP_NAMES.map((name) => leftOf(ledger, name)));
  const microUsd = Math.max(neededMicroUsd, Math.floor(left / SHARE));
  const handed = { ...ledger.handed };
  for (const name of CAP_NAMES) handed[name] = { ...handed[name], microUsd: handed[name].microUsd + microUsd };
  const pocket = purse.pockets[day] ?? NO_POCKET;
  const pockets = { ...purse.pockets, [day]: { ...pocket, freeMicroUsd: pocket.freeMicroUsd + microUsd } };
  return { ledger: { ...ledger, handed }, purse: { ...purse, pockets } };
}

/** Null: there is not so much in the purse of that day. */
export function reserved(purse: Purse, day: string, microUsd: number): Purse | null {
  const { freeMicroUsd, heldMicroUsd } = purse.pockets[day] ?? NO_POCKET;
  if (freeMicroUsd < microUsd) return null;
  const pocket = { freeMicroUsd: freeMicroUsd - microUsd, heldMicroUsd: heldMicroUsd + microUsd };
  return { ...purse, pockets: { ...purse.pockets, [day]: pocket } };
}

/** What was reserved on that day is free again, but for what it came to. */
export function settled(purse: Purse, day: string, reservedMicroUsd: number, spentMicroUsd: number): Purse {
  const { freeMicroUsd, heldMicroUsd } = purse.pockets[day] ?? NO_POCKET;
  const pocket = {
    freeMicroUsd: freeMicroUsd + reservedMicroUsd - spentMicroUsd,
    heldMicroUsd: heldMicroUsd - reservedMicroUsd,
  };
  return { ...purse, pockets: { ...purse.pockets, [day]: pocket } };
}

/** Attempts cost more than they had reserved, and more than lies in it. */
export function isOverdrawn({ pockets }: Purse): boolean {
  return Object.values(pockets).some(({ freeMicroUsd }) => freeMicroUsd < 0);
}

/** More is handed out than a cap allows: attempts cost more than they had reserved, or the cap was set lower. */
export function isOver(ledger: LedgerRow): boolean {
  return CAP_NAMES.some((name) => leftOf(ledger, name) < 0);
}

/** With what somebody is to be told now, once for each window. */
export function toTell(ledger: LedgerRow, short: readonly CapName[] = []): LedgerRow {
  const handed = { ...ledger.handed };
  for (const name of CAP_NAMES) {
    const { told = 0, ...rest } = handed[name];
    const cap = capOf(ledger.caps, name);
    const percent = cap === undefined ? undefined : short.includes(name) ? 100 : percentOf(rest.microUsd, cap);
    if (percent !== undefined && percent > told) handed[name] = { ...rest, told: percent };
  }
  return { ...ledger, handed };
}

/** The highest of those that somebody is told of. */
export function percentOf(microUsd: number, cap: number): Percent | undefined {
  return PERCENTS.find((percent) => microUsd * 100 >= percent * cap);
}
