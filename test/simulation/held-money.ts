/**
 * What is reserved and spent, told from the attempts and their events alone, and compared after every transaction with what purses
 * and the ledger say.
 */
import { type CapName, type LedgerRow, moneyKeys, type RunPurseRow } from '#core/money-rows.ts';
import { capOf, dayOf } from '#core/purse.ts';
import type { QueueRow, TodoLocksRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, keys, type RunRow } from '#core/rows.ts';
import type { RowTable } from './row-table.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

interface Sums {
  held: number;
  spent: number;
  /** Beyond what was reserved: no cap could foresee it. */
  over: number;
}

const CAP_NAMES: readonly CapName[] = ['account', 'month', 'day'];

export class HeldMoney {
  readonly #table: RowTable;
  readonly #sums = new Map<string, Sums>();
  /** What attempts that have not ended have reserved. */
  readonly #reserved = new Map<string, { microUsd: number; day: string }>();
  /** By attempts that have ended, on the day by which they had reserved. */
  readonly #spentOn = new Map<string, number>();
  /** Todo rows by which what lies free goes back. */
  readonly #takingBack = new Set<string>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[], told: readonly Told[]): void {
    const queues = new Set<string>();
    const runs = new Set<string>();
    for (const { pk, sk, before, after } of changes) {
      if (sk === 'attempt' && before === null) this.#claimed(pk, after as AttemptRow, queues, runs);
      if (sk === 'queue') queues.add(pk);
      if (sk === 'purse') runs.add(pk);
      if (pk === 'todo') this.#todo(sk, after as TodoLocksRow | null);
    }
    const overBefore = this.#overrun();
    for (const each of told) this.#ended(each, queues, runs);
    // What cost more than it had reserved is handed out with its end, above a cap if need be, and nothing else ever is.
    const overMicroUsd = this.#overrun() - overBefore;
    for (const { pk, before, after } of changes)
      if (pk === 'money') this.#compareLedger(before as LedgerRow | null, after as LedgerRow, overMicroUsd);
    for (const pk of queues) this.#compareQueue(pk);
    for (const pk of runs) this.#compareRun(pk);
    if (queues.size > 0) this.#compareAll();
  }

  #todo(sk: string, row: TodoLocksRow | null): void {
    if (row?.takeBack) this.#takingBack.add(sk);
    else this.#takingBack.delete(sk);
  }

  #claimed(pk: string, { run, queue, ...attempt }: AttemptRow, queues: Set<string>, runs: Set<string>): void {
    const { microUsd = 0, day = dayOf(attempt.claimedAtMs) } = attempt.reserved ?? {};
    this.#reserved.set(pk, { microUsd, day });
    for (const name of [`queue/${queue}`, `run/${run}`]) this.#of(name).held += microUsd;
    const cap = this.#table.body<RunRow>(keys.run(run))?.capMicroUsd;
    const { held, spent } = this.#of(`run/${run}`);
    // What others have cost beyond what they had reserved is no reason to reserve more.
    const isWithin = cap === undefined || microUsd === 0 || held + spent <= cap;
    mustHold(isWithin, 'I3', `run ${run} reserves ${microUsd} and has ${held + spent} of ${cap} then`);
    queues.add(`queue/${queue}`);
    runs.add(`run/${run}`);
  }

  #ended({ run, event }: Told, queues: Set<string>, runs: Set<string>): void {
    if (event.type !== 'attempt.settled') return;
    const pk = `attempt/${event.data.id}`;
    const held = this.#reserved.get(pk);
    mustHold(held !== undefined, 'I5', `${pk} is charged and was not claimed, or is charged twice`);
    this.#reserved.delete(pk);
    const reserved = held.microUsd;
    const spent = event.data.cost?.microUsd ?? 0;
    this.#spentOn.set(held.day, (this.#spentOn.get(held.day) ?? 0) + spent);
    const { queue = '' } = this.#table.body<AttemptRow>(keys.attempt(event.data.id)) ?? {};
    for (const name of [`queue/${queue}`, `run/${run}`]) {
      const sums = this.#of(name);
      sums.held -= reserved;
      sums.spent += spent;
      sums.over += Math.max(0, spent - reserved);
    }
    queues.add(`queue/${queue}`);
    runs.add(`run/${run}`);
  }

  #compareQueue(pk: string): void {
    const pockets = Object.values(this.#purseOf(pk));
    const held = pockets.reduce((sum, { heldMicroUsd }) => sum + heldMicroUsd, 0);
    const least = Math.min(0, ...pockets.map(({ freeMicroUsd }) => freeMicroUsd));
    mustHold(
      least === 0,
      'I3',
      `${pk} has spent ${-least} more than it was handed out, and the ledger knows nothing of it`,
    );
    mustHold(held === this.#of(pk).held, 'I7', `${pk} holds ${held} reserved, its attempts ${this.#of(pk).held}`);
  }

  #compareRun(pk: string): void {
    const run = pk.slice('run/'.length);
    const cap = this.#table.body<RunRow>(keys.run(run))?.capMicroUsd;
    if (cap === undefined) return;
    const { held, spent, over } = this.#of(pk);
    const purse = this.#table.body<RunPurseRow>(moneyKeys.runPurse(run)) ?? { heldMicroUsd: 0, spentMicroUsd: 0 };
    const said = `${purse.heldMicroUsd} and ${purse.spentMicroUsd}`;
    const isSame = purse.heldMicroUsd === held && purse.spentMicroUsd === spent;
    mustHold(isSame, 'I7', `${pk} says ${said} of its cap, its attempts ${held} and ${spent}`);
    mustHold(held + spent <= cap + over, 'I3', `${pk} has reserved and spent ${held + spent} of ${cap}`);
  }

  #overrun(): number {
    return [...this.#sums].reduce((sum, [pk, { over }]) => (pk.startsWith('queue/') ? sum + over : sum), 0);
  }

  #compareAll(): void {
    const ledger = this.#table.body<LedgerRow>(moneyKeys.ledger());
    if (ledger !== null) for (const name of CAP_NAMES) this.#compareWindow(ledger, name);
  }

  /**
   * In each window handed out is what is spent, reserved, and free in purses; nothing is lost on the way and nothing made. What lies
   * free while more is handed out than its cap allows is on its way back.
   */
  #compareWindow({ caps, handed }: LedgerRow, name: CapName): void {
    const { of, microUsd } = handed[name];
    const isWithin = (day: string): boolean => name === 'account' || day.startsWith(of);
    let sum = 0;
    let free = 0;
    for (const [day, spent] of this.#spentOn) if (isWithin(day)) sum += spent;
    for (const pk of this.#sums.keys()) {
      if (!pk.startsWith('queue/')) continue;
      for (const [day, { freeMicroUsd, heldMicroUsd }] of Object.entries(this.#purseOf(pk))) {
        if (!isWithin(day)) continue;
        sum += freeMicroUsd + heldMicroUsd;
        free += freeMicroUsd;
      }
    }
    mustHold(microUsd === sum, 'I7', `${microUsd} are handed out of the ${name} ${of}, and ${sum} are to be found`);
    const isLeft = microUsd > (capOf(caps, name) ?? microUsd) && free > 0 && this.#takingBack.size === 0;
    mustHold(!isLeft, 'I3', `${free} lie free beyond the cap of the ${name}, and nobody takes them back`);
  }

  /** By the caps that were in force: whoever hands out sets none. */
  #compareLedger(before: LedgerRow | null, { caps: fresh, handed }: LedgerRow, overMicroUsd: number): void {
    const { caps } = before ?? { caps: fresh };
    for (const name of CAP_NAMES) {
      const cap = capOf(caps, name);
      const { of, microUsd = 0 } = before?.handed[name] ?? {};
      const more = handed[name].microUsd - (of === undefined || of === handed[name].of ? microUsd : 0);
      const isWithin = cap === undefined || handed[name].microUsd <= cap;
      mustHold(
        isWithin || more <= overMicroUsd,
        'I3',
        `${handed[name].microUsd} of ${cap} are handed out of the cap of the ${name}`,
      );
    }
  }

  #purseOf(pk: string): NonNullable<QueueRow['purse']>['pockets'] {
    return this.#table.body<QueueRow>({ pk, sk: 'queue' })?.purse?.pockets ?? {};
  }

  #of(name: string): Sums {
    const sums = this.#sums.get(name) ?? { held: 0, spent: 0, over: 0 };
    this.#sums.set(name, sums);
    return sums;
  }
}
