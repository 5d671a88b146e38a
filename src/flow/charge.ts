/** Charge: what an attempt came to is spent, and the rest of what it had reserved is given back; both with its end, once. */
import type { EventOf } from '@waybill/verify';
import { moneyKeys, type RunPurseRow } from '#core/money-rows.ts';
import { dayOf, givenBack, isOver, isOverdrawn, percentOf, settled, toTell } from '#core/purse.ts';
import type { QueueRow, TodoLocksRow } from '#core/queue-rows.ts';
import type { AttemptRow } from '#core/rows.ts';
import { ledgerOf, runPurse } from '#flow/payment.ts';
import type { Draft } from '#flow/transaction.ts';

export interface Charged {
  /** Of the queue that the attempt held a slot of. */
  queue: QueueRow;
  /** Who waits for what was given back. */
  awaited: Pick<TodoLocksRow, 'run' | 'queues' | 'takeBack'>;
  reached?: EventOf<'cap.reached'>;
}

export async function charge(
  draft: Draft,
  attempt: AttemptRow,
  queue: QueueRow,
  spentMicroUsd: number,
): Promise<Charged> {
  const { microUsd = 0, day = dayOf(attempt.claimedAtMs) } = attempt.reserved ?? {};
  if (microUsd === 0 && spentMicroUsd === 0) return { queue, awaited: {} };
  const ofRun = await chargeRun(draft, attempt, microUsd, spentMicroUsd);
  const purse = settled(queue.purse ?? { pockets: {} }, day, microUsd, spentMicroUsd);
  // What is spent and was never handed out would be missing in no sum but that of this queue, and others would spend it again.
  const isPassed = isOverdrawn(purse);
  if (!purse.asked && !isPassed) return { queue: { ...queue, purse }, ...ofRun };
  const ledger = await ledgerOf(draft, dayOf(Math.max(draft.atMs, attempt.claimedAtMs)));
  const back = givenBack(ledger, purse);
  draft.put(moneyKeys.ledger(), toTell(back.ledger));
  const { asked: _asked, ...quiet } = back.purse;
  const { waiting } = ledger;
  const isOverCap = isOver(back.ledger);
  const isAsked = waiting.length > 0 || isOverCap;
  return {
    ...ofRun,
    queue: { ...queue, purse: isAsked ? { ...quiet, asked: true } : quiet },
    awaited: {
      ...ofRun.awaited,
      ...(waiting.length > 0 ? { queues: waiting } : {}),
      ...(isPassed && isOverCap ? { takeBack: true } : {}),
    },
  };
}

async function chargeRun(
  draft: Draft,
  { run, capMicroUsd }: AttemptRow,
  reservedMicroUsd: number,
  spentNowMicroUsd: number,
): Promise<Omit<Charged, 'queue'>> {
  if (capMicroUsd === undefined) return { awaited: {} };
  const { awaited, ...purse } = await runPurse(draft, run);
  const spentMicroUsd = purse.spentMicroUsd + spentNowMicroUsd;
  const percent = percentOf(spentMicroUsd, capMicroUsd);
  const isNews = percent !== undefined && percent > (purse.told ?? 0);
  const after: RunPurseRow = {
    ...purse,
    heldMicroUsd: purse.heldMicroUsd - reservedMicroUsd,
    spentMicroUsd,
    ...(isNews ? { told: percent } : {}),
    ...(awaited ? { awaited } : {}),
  };
  draft.put(moneyKeys.runPurse(run), after);
  const data = { cap: 'run' as const, percent: percent ?? 50, limitMicroUsd: capMicroUsd, spentMicroUsd };
  return { awaited: awaited ? { run } : {}, ...(isNews ? { reached: { type: 'cap.reached', data } } : {}) };
}
