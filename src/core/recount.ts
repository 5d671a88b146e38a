/** What runs have spent, told again from their events: where rows are lost, caps go on from what the record knows. Pure. */
import type { EventLine } from '@waybill/verify';
import type { Handed, LedgerRow } from '#core/money-rows.ts';
import { DEFAULT_CAPS, newLedger } from '#core/purse.ts';

/** Days of UTC on which something was reserved, and what became of that, in micro-USD. */
export type SpentByDay = Map<string, number>;

/** Of one run. */
export class Recount {
  /** Of attempts that have not ended. */
  readonly #reserved = new Map<string, { day: string; microUsd: number }>();
  readonly #spent: SpentByDay = new Map();

  take(event: EventLine): void {
    if (event.type === 'attempt.claimed')
      for (const { id, reservedMicroUsd: microUsd = 0 } of event.data.claims)
        this.#reserved.set(id, { day: event.at.slice(0, 10), microUsd });
    if (event.type !== 'attempt.settled') return;
    const { day = event.at.slice(0, 10) } = this.#reserved.get(event.data.id) ?? {};
    this.#reserved.delete(event.data.id);
    add(this.#spent, day, event.data.cost?.microUsd ?? 0);
  }

  /** What has not ended counts with all that it had reserved: nobody will know what it used. */
  addTo(sums: SpentByDay): void {
    for (const [day, microUsd] of this.#spent) add(sums, day, microUsd);
    for (const { day, microUsd } of this.#reserved.values()) add(sums, day, microUsd);
  }
}

/** The ledger of a deployment that has spent that, on its day `today`. Whoever starts it sets its caps. */
export function ledgerAfter(spent: SpentByDay, today: string): LedgerRow {
  const ledger = newLedger(DEFAULT_CAPS, today);
  const during = (handed: Handed, window: string): Handed => {
    const days = [...spent].filter(([day]) => day.startsWith(window));
    return { ...handed, microUsd: days.reduce((sum, [, microUsd]) => sum + microUsd, 0) };
  };
  const { account, month, day } = ledger.handed;
  return {
    ...ledger,
    handed: { account: during(account, ''), month: during(month, month.of), day: during(day, day.of) },
  };
}

function add(sums: SpentByDay, day: string, microUsd: number): void {
  if (microUsd > 0) sums.set(day, (sums.get(day) ?? 0) + microUsd);
}
