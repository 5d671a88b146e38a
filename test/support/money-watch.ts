/** Holds the rows of money against each other: after every change no cap is passed, and in the end the sums are those of the attempts. */
import assert from 'node:assert/strict';
import type { LedgerRow, RunPurseRow } from '#core/money-rows.ts';
import { capOf } from '#core/purse.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { AttemptRow, ItemRow, RunRow } from '#core/rows.ts';

export class MoneyWatch {
  /** What was wrong, in the order in which it was seen. */
  readonly problems: string[] = [];
  /** The most that was reserved and spent of the cap of any run, in micro-USD. */
  mostOfRun = 0;
  readonly #rows = new Map<string, object>();

  changed({ pk, sk, before, after }: RowChange): void {
    if (after === null) this.#rows.delete(`${pk} ${sk}`);
    else this.#rows.set(`${pk} ${sk}`, after);
    if (after === null) return;
    if (sk === 'attempt' && before === null) this.#claimed(after as AttemptRow);
    if (sk === 'queue') this.#ofQueue(pk, after as QueueRow);
    if (sk === 'purse') this.#ofRun(pk, after as RunPurseRow);
  }

  /** What others cost beyond what they had reserved is handed out, too, and is no reason to hand out more. */
  #claimed({ reserved }: AttemptRow): void {
    const ledger = this.#rows.get('money ledger') as LedgerRow | undefined;
    if (reserved === undefined || ledger === undefined) return;
    for (const name of ['account', 'month', 'day'] as const) {
      const cap = capOf(ledger.caps, name);
      const { microUsd } = ledger.handed[name];
      if (cap !== undefined && microUsd > cap) this.problems.push(`a claim, and ${microUsd} of ${cap} of the ${name}`);
    }
  }

  /** What a queue lacks is missing in the ledger, and others would be handed it. */
  #ofQueue(pk: string, { purse }: QueueRow): void {
    for (const [day, { freeMicroUsd }] of Object.entries(purse?.pockets ?? {}))
      if (freeMicroUsd < 0) this.problems.push(`${freeMicroUsd} of ${day} in the purse of ${pk}`);
  }

  #ofRun(pk: string, { heldMicroUsd, spentMicroUsd }: RunPurseRow): void {
    const used = heldMicroUsd + spentMicroUsd;
    this.mostOfRun = Math.max(this.mostOfRun, used);
    const { capMicroUsd = 0 } = (this.#rows.get(`${pk} run`) ?? {}) as Partial<RunRow>;
    if (used > capMicroUsd + this.#overrun()) this.problems.push(`${used} of ${capMicroUsd} of ${pk}`);
  }

  /** What attempts cost beyond what they had reserved, which no cap could foresee. */
  #overrun(): number {
    return this.#attempts().reduce((sum, { reserved, spent }) => sum + Math.max(0, spent - reserved), 0);
  }

  #attempts(): { run: string; reserved: number; spent: number; isOpen: boolean }[] {
    return [...this.#rows].flatMap(([name, body]) => {
      if (!name.endsWith(' attempt')) return [];
      const { run, item, attempt, reserved, state } = body as AttemptRow;
      const { attempts = [] } = (this.#rows.get(`run/${run} item/${item}`) ?? {}) as Partial<ItemRow>;
      const spent = attempts.find((each) => each.attempt === attempt)?.costMicroUsd ?? 0;
      return [{ run, reserved: reserved?.microUsd ?? 0, spent, isOpen: state !== 'settled' }];
    });
  }

  /** When nothing runs any more: nothing is reserved, and every sum is that of the attempts. */
  settled(): { spentMicroUsd: number } {
    assert.deepEqual(this.problems, []);
    const attempts = this.#attempts();
    assert.ok(attempts.every(({ isOpen }) => !isOpen));
    const spentMicroUsd = attempts.reduce((sum, { spent }) => sum + spent, 0);
    let free = 0;
    for (const [name, body] of this.#rows) {
      const { purse } = body as Partial<QueueRow>;
      for (const pocket of Object.values(name.endsWith(' queue') ? (purse?.pockets ?? {}) : {})) {
        assert.equal(pocket.heldMicroUsd, 0, name);
        free += pocket.freeMicroUsd;
      }
      if (!name.endsWith(' purse')) continue;
      const [, run] = /^run\/(\S+) /.exec(name) ?? [];
      const own = attempts.filter((each) => each.run === run).reduce((sum, { spent }) => sum + spent, 0);
      const { told: _told, ...rest } = body as RunPurseRow;
      assert.deepEqual(rest, { heldMicroUsd: 0, spentMicroUsd: own }, name);
    }
    const ledger = this.#rows.get('money ledger') as LedgerRow | undefined;
    assert.equal((ledger?.handed.account.microUsd ?? spentMicroUsd + free) - free, spentMicroUsd);
    return { spentMicroUsd };
  }
}
