/** Work that trying again seldom mends: each failure doubles the time until it is tried again. */
import type { Clock } from '#ports/clock.ts';

const FIRST_MS = 4_000;
const LONGEST_MS = 3_600_000;

export class BackOff {
  readonly #clock: Clock;
  /** What has failed; `cancel` is null while it is being tried again. */
  readonly #failed = new Map<string, { restMs: number; cancel: (() => void) | null }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isResting(name: string): boolean {
    return (this.#failed.get(name)?.cancel ?? null) !== null;
  }

  failed(name: string, again: () => void): void {
    const before = this.#failed.get(name);
    before?.cancel?.();
    const restMs = before === undefined ? FIRST_MS : Math.min(LONGEST_MS, 2 * before.restMs);
    const cancel = this.#clock.after(restMs, () => {
      this.#failed.set(name, { restMs, cancel: null });
      again();
    });
    this.#failed.set(name, { restMs, cancel });
  }

  passed(name: string): void {
    this.#failed.delete(name);
  }

  stop(): void {
    for (const { cancel } of this.#failed.values()) cancel?.();
  }
}
