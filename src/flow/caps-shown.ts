/** Caps as a status shows them. */
import type { CapStatus } from '@waybill/client/documents';
import { isoTime } from '#core/evidence.ts';
import { type LedgerRow, moneyKeys, type RunPurseRow } from '#core/money-rows.ts';
import { capOf, DEFAULT_CAPS, dayOf, givenBack, leftOf, NO_RUN_PURSE, turned, turnOf } from '#core/purse.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { knownQueues } from '#flow/queues.ts';
import { peek } from '#flow/transaction.ts';

const CAP_NAMES = ['day', 'month', 'account'] as const;

export interface CapsShown {
  caps: CapStatus[];
  /** Queues that wait for money of the deployment. */
  waiting: readonly string[];
}

/** What lies in the purses of queues is left: nobody has reserved it. Of a cap that nobody set nothing is said until something is handed out. */
export async function capsShown(deps: FlowDeps, run: string, { capMicroUsd }: RunRow): Promise<CapsShown> {
  const ofRun = capMicroUsd === undefined ? [] : [await runCap(deps, run, capMicroUsd)];
  const found = await peek<LedgerRow>(deps, moneyKeys.ledger());
  if (found === null) return { caps: ofRun, waiting: [] };
  const isSet = CAP_NAMES.some((cap) => capOf(found.caps, cap) !== capOf(DEFAULT_CAPS, cap));
  if (!isSet && found.handed.account.microUsd === 0) return { caps: ofRun, waiting: found.waiting };
  const nowMs = deps.clock.nowMs();
  let ledger = turned(found, dayOf(nowMs));
  const rows = await deps.store.get((await knownQueues(deps)).map((name) => keys.queue(name)));
  for (const row of rows) {
    const { purse } = (row?.body ?? {}) as Partial<QueueRow>;
    if (purse) ledger = givenBack(ledger, purse).ledger;
  }
  const caps = CAP_NAMES.flatMap((cap): CapStatus[] => {
    const limitMicroUsd = capOf(ledger.caps, cap);
    if (limitMicroUsd === undefined) return [];
    const turnsMs = turnOf(cap, nowMs);
    const turns = turnsMs === null ? {} : { turns: isoTime(turnsMs) };
    return [{ cap, limitMicroUsd, leftMicroUsd: leftOf(ledger, cap), ...turns }];
  });
  return { caps: [...ofRun, ...caps], waiting: ledger.waiting };
}

async function runCap(deps: FlowDeps, run: string, limitMicroUsd: number): Promise<CapStatus> {
  const purse = (await peek<RunPurseRow>(deps, moneyKeys.runPurse(run))) ?? NO_RUN_PURSE;
  return { cap: 'run', limitMicroUsd, leftMicroUsd: limitMicroUsd - purse.spentMicroUsd - purse.heldMicroUsd };
}
