/**
 * Gather: a queue that the ledger cannot give enough waits for what others give back, and first for what lies unused in their
 * purses. As long as it waits they keep nothing: what one of them frees goes to the ledger at once, and whoever waits is tried.
 */
import { type Caps, type LedgerRow, moneyKeys, type Purse } from '#core/money-rows.ts';
import { capOf, dayOf, givenBack, isOver, shortOf, toTell } from '#core/purse.ts';
import type { QueueRow, TodoLocksRow } from '#core/queue-rows.ts';
import { type ItemRow, keys } from '#core/rows.ts';
import { chunk, without } from '#core/sets.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { ItemRef } from '#flow/items.ts';
import { ledgerOf } from '#flow/payment.ts';
import { knownQueues } from '#flow/queues.ts';
import { type Draft, decide } from '#flow/transaction.ts';

const QUEUES_PER_DECISION = 24;

/**
 * Resolves with whether there is as much now; if not, the queue is tried again when something is given back.
 * @param line the first who wait in the queue, not more than a page of them
 */
export async function gather(
  deps: FlowDeps,
  queue: string,
  neededMicroUsd: number,
  line: readonly ItemRef[],
): Promise<boolean> {
  const firstOfRuns = [...new Map(line.toReversed().map((ref) => [ref.run, keys.item(ref.run, ref.item)])).values()];
  await decide(deps, async (draft) => {
    const ledger = await ledgerOf(draft, today(deps));
    if (ledger.waiting.includes(queue)) return;
    draft.put(moneyKeys.ledger(), { ...ledger, waiting: [...ledger.waiting, queue] } satisfies LedgerRow);
    // The statuses of their runs say what they wait for: written, so that these are made again.
    const items = await draft.read<ItemRow>(firstOfRuns);
    for (const [n, key] of firstOfRuns.entries()) if (items[n]?.state === 'ready') draft.put(key, { ...items[n] });
  });
  await takeBack(deps);
  return decide(deps, async (draft) => {
    const ledger = await ledgerOf(draft, today(deps));
    const short = shortOf(ledger, neededMicroUsd);
    const told = toTell(ledger, short);
    if (short.length > 0 && JSON.stringify(told) !== JSON.stringify(ledger)) draft.put(moneyKeys.ledger(), told);
    return short.length === 0;
  });
}

/** What is free in any purse goes back to the ledger; what is still held will, as long as somebody waits or a cap is passed. */
export async function takeBack(deps: FlowDeps): Promise<void> {
  for (const some of chunk(await knownQueues(deps), QUEUES_PER_DECISION)) {
    await decide(deps, async (draft) => {
      let ledger = await ledgerOf(draft, today(deps));
      const rows = await draft.read<QueueRow>(some.map((name) => keys.queue(name)));
      for (const [n, name] of some.entries()) {
        const row = rows[n];
        if (!row?.purse) continue;
        const { purse: before, ...rest } = row;
        const { asked: _asked, ...whole } = before;
        const back = givenBack(ledger, whole);
        ledger = back.ledger;
        const isHeld = Object.keys(back.purse.pockets).length > 0;
        const isAsked = isHeld && (ledger.waiting.length > 0 || isOver(ledger));
        const purse: Purse = isAsked ? { ...back.purse, asked: true } : back.purse;
        if (JSON.stringify(purse) === JSON.stringify(before)) continue;
        draft.put(keys.queue(name), { ...rest, purse } satisfies QueueRow);
        draft.put(moneyKeys.ledger(), ledger);
      }
    });
  }
}

/** The queue was tried and asks for no more than it got. Resolves with whether it waited until now. */
export async function stopWaiting(deps: FlowDeps, queue: string): Promise<boolean> {
  return decide(deps, async (draft) => {
    const ledger = await draft.readOne<LedgerRow>(moneyKeys.ledger());
    if (!ledger?.waiting.includes(queue)) return false;
    draft.put(moneyKeys.ledger(), { ...ledger, waiting: without(ledger.waiting, queue) } satisfies LedgerRow);
    return true;
  });
}

/**
 * Sets what the deployment may spend; whoever waits is tried with that. Of what is set lower nothing is handed out from now on, and
 * what was goes back by a todo row, which stands until that is done, whoever dies meanwhile.
 */
export async function defineCaps(deps: FlowDeps, caps: Caps): Promise<void> {
  const by = await decide(deps, (draft) => setCaps(deps, draft, caps));
  if (by !== null) deps.hints.locksReleased(by);
}

async function setCaps(deps: FlowDeps, draft: Draft, caps: Caps): Promise<string | null> {
  const found = await draft.readOne<LedgerRow>(moneyKeys.ledger());
  const names = ['account', 'month', 'day'] as const;
  if (found !== null && names.every((name) => capOf(found.caps, name) === capOf(caps, name))) return null;
  const ledger = await ledgerOf(draft, today(deps));
  const handed = { ...ledger.handed };
  for (const name of names) {
    // Of another cap nobody has been told yet.
    const { told: _told, ...rest } = handed[name];
    if (capOf(ledger.caps, name) !== capOf(caps, name)) handed[name] = rest;
  }
  const next = toTell({ ...ledger, handed, caps });
  draft.put(moneyKeys.ledger(), next);
  const by = `caps-${deps.chance.hex(8)}`;
  const lowered = isOver(next) ? { takeBack: true as const } : {};
  draft.create(keys.todoLocks(by), { names: [], queues: ledger.waiting, ...lowered } satisfies TodoLocksRow);
  return by;
}

function today({ clock }: FlowDeps): string {
  return dayOf(clock.nowMs());
}
