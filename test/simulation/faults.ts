/**
 * What goes wrong. Whether something does is decided by the seed and by what is done (which call on which row for the how
 * manyeth time), not by what happened before: a history with one fault less has the others where they were.
 */
import { mixed, scrambled } from './timeline.ts';

export interface Fault {
  /** Stable name: what was done when it went wrong. */
  name: string;
  kind: string;
}

/** Share of calls, messages or attempts that go wrong, by what they are. */
export type Rates = Readonly<Record<'call' | 'event' | 'batch' | 'attempt' | 'outage', number>>;

export class FaultPlan {
  readonly fired: Fault[] = [];
  readonly #seed: number;
  readonly #rates: Rates;
  readonly #allowed: ReadonlySet<string> | null;
  readonly #counts = new Map<string, number>();
  #throttled = { fromMs: 0, untilMs: 0 };
  #healed = false;

  /** @param allowed names of the faults that may happen; null: all that the seed has */
  constructor(seed: number, rates: Rates, allowed: ReadonlySet<string> | null) {
    this.#seed = scrambled(seed ^ 0x5f356495);
    this.#rates = rates;
    this.#allowed = allowed;
  }

  /** From now on nothing goes wrong any more. */
  heal(): void {
    this.#healed = true;
  }

  /** The table takes some calls only, for most of a minute. */
  throttle(fromMs: number): void {
    const kind = this.strike('outage', this.draw('throttle'), ['short', 'long']);
    if (kind !== null) this.#throttled = { fromMs, untilMs: fromMs + (kind === 'short' ? 12_000 : 50_000) };
  }

  throttles(nowMs: number, bits: number): boolean {
    const { fromMs, untilMs } = this.#throttled;
    return nowMs >= fromMs && nowMs < untilMs && !this.#healed && (bits >>> 3) % 5 < 2;
  }

  get isHealed(): boolean {
    return this.#healed;
  }

  /** A number from 0 to 2^32 - 1 that belongs to this doing of this thing, and its name. */
  draw(what: string): { name: string; bits: number } {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    const name = count === 1 ? what : `${what}#${count}`;
    return { name, bits: scrambled(mixed(this.#seed, name)) };
  }

  /** The fault that strikes here, or null. Of `kinds` later ones are not less likely than the first. */
  strike<Kind extends string>(
    rate: keyof Rates,
    { name, bits }: { name: string; bits: number },
    kinds: readonly Kind[],
  ): Kind | null {
    if (this.#healed) return null;
    const share = this.#rates[rate];
    if (share === 0 || bits / 2 ** 32 >= share) return null;
    if (this.#allowed !== null && !this.#allowed.has(name)) return null;
    const kind = kinds[scrambled(bits ^ 0x9e3779b9) % kinds.length] as Kind;
    this.fired.push({ name, kind });
    return kind;
  }
}
