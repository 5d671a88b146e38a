/**
 * Whoever is claimed out of a list passes nobody who stood before it there and could have been claimed. Who came into the list after
 * the invocation had begun may be passed, since lists are read before the claims; who leaves it with the same commit is not passed.
 *
 * Each list has its own order, and none holds against another: with what comes free of a lock or of a run's cap, who waits for that goes
 * before those ready in the queue, who may pass it in turn. In the list of a lock one that is blocked elsewhere is passed, which is
 * bounded by MAX_OVERTAKES and counted in `held-resources.ts`: so of those in it only who waits for nothing but that lock is held to it.
 */
import { reservationOf } from '#core/cost.ts';
import { type LedgerRow, moneyKeys, type RunPurseRow } from '#core/money-rows.ts';
import { pricingOf } from '#core/price-table.ts';
import { NO_RUN_PURSE, neverFits } from '#core/purse.ts';
import type { ReadyRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { PRICES } from './money-plan.ts';
import type { Commit, RowTable } from './row-table.ts';
import { rowOf, specOf } from './rows-of.ts';
import type { Timeline } from './timeline.ts';
import { mustHold } from './violation.ts';

const IN_A_LIST = /^(?:queue\/\S+ ready|run\/\w+ short|lock\/\S+ wait)\//;
/** More than wait in any list. */
const ALL = 10_000;

interface Claimed extends ReadyRow {
  rank: string;
  /** When whoever claims it began, in steps. */
  sinceStep: number;
}

interface List {
  pk: string;
  prefix: 'ready/' | 'short/' | 'wait/';
}

export class ClaimOrder {
  readonly #table: RowTable;
  readonly #timeline: Timeline;
  readonly #pricing = pricingOf(PRICES);
  /** By row of a list: when it came there, in steps. */
  readonly #listedAt = new Map<string, number>();
  /** When a run went on after a pause, in steps: until then it was right to pass its items. */
  readonly #resumedAt = new Map<string, number>();
  /** When the caps of the deployment were set last: until then it was right to pass what no cap would ever pay for. */
  #capsSetAt = 0;

  constructor(table: RowTable, timeline: Timeline) {
    this.#table = table;
    this.#timeline = timeline;
  }

  committed({ by, changes }: Commit): void {
    for (const change of changes) this.#note(change);
    for (const { sk, before, after } of changes) {
      if (sk !== 'attempt' || before !== null) continue;
      const { run, item, queue } = after as AttemptRow;
      const { pk, sk: itemSk } = keys.item(run, item);
      const was = changes.find((each) => each.pk === pk && each.sk === itemSk)?.before as ItemRow | undefined;
      if (was?.rank === undefined) continue;
      const list = this.#listOf(run, item, was, queue);
      if (list !== null) this.#mustPassNobody({ run, item, rank: was.rank, sinceStep: by.sinceStep }, list);
    }
  }

  #note({ pk, sk, before, after }: RowChange): void {
    const name = `${pk} ${sk}`;
    const { steps } = this.#timeline;
    if (IN_A_LIST.test(name)) {
      if (after === null) this.#listedAt.delete(name);
      else if (before === null) this.#listedAt.set(name, steps);
    }
    const isPaused = (row: object | null): boolean => (row as RunRow | null)?.pausedAtMs !== undefined;
    if (sk === 'run' && isPaused(before) && !isPaused(after)) this.#resumedAt.set(pk, steps);
    const capsOf = (row: object | null): string => JSON.stringify((row as LedgerRow | null)?.caps);
    if (pk === 'money' && capsOf(before) !== capsOf(after)) this.#capsSetAt = steps;
  }

  /** Null: it waits for several locks, and nothing says in whose list it was found. */
  #listOf(run: string, item: string, { parked, short }: ItemRow, queue: string): List | null {
    if (short) return { pk: `run/${run}`, prefix: 'short/' };
    if (!parked) return { pk: `queue/${queue}`, prefix: 'ready/' };
    const lock = this.#onlyLockOf(run, item);
    return lock === undefined ? null : { pk: `lock/${lock}`, prefix: 'wait/' };
  }

  #onlyLockOf(run: string, item: string): string | undefined {
    const { locks } = specOf(this.#table, run, item).item;
    return locks.length === 1 ? locks[0]?.name : undefined;
  }

  #mustPassNobody({ run, item, rank, sinceStep }: Claimed, { pk, prefix }: List): void {
    for (const { sk, body } of this.#table.query(pk, { prefix, limit: ALL })) {
      if (sk >= `${prefix}${rank}`) return;
      // Who is short of money is listed by its run.
      const other = { run, ...(body as unknown as Pick<ReadyRow, 'item'> & Partial<ReadyRow>) };
      const stoodThere = (this.#listedAt.get(`${pk} ${sk}`) ?? 0) <= sinceStep;
      const isOfList = prefix !== 'wait/' || this.#onlyLockOf(other.run, other.item) !== undefined;
      const isPassed = stoodThere && isOfList && this.#couldBeClaimed(other, sinceStep);
      mustHold(!isPassed, 'I4', `${other.item} of ${other.run} is passed in ${pk} ${prefix} by ${item} of ${run}`);
    }
  }

  /** All the time since then: of a run that goes on, cancelled by nobody, and for no more money than there can be. */
  #couldBeClaimed({ run, item }: ReadyRow, sinceStep: number): boolean {
    const row = this.#table.body<RunRow>(keys.run(run));
    const isStill = row === null || row.stopping !== undefined || row.pausedAtMs !== undefined;
    const wasStill = (this.#resumedAt.get(`run/${run}`) ?? 0) > sinceStep;
    if (isStill || wasStill || rowOf(this.#table, run, item).cancelAsked) return false;
    const microUsd = reservationOf(specOf(this.#table, run, item).item, this.#pricing, 0);
    const { spentMicroUsd } = this.#table.body<RunPurseRow>(moneyKeys.runPurse(run)) ?? NO_RUN_PURSE;
    if (microUsd > (row.capMicroUsd ?? Number.POSITIVE_INFINITY) - spentMicroUsd) return false;
    const ledger = this.#table.body<LedgerRow>(moneyKeys.ledger());
    return this.#capsSetAt <= sinceStep && (ledger === null || neverFits(ledger.caps, microUsd) === undefined);
  }
}
