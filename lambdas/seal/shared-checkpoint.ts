/** One checkpoint for all seals of a batch: it is made when each of them has signed its seal, or has failed before it could. */
export class SharedCheckpoint {
  readonly #publish: () => Promise<number>;
  readonly #made: Promise<number>;
  #settle: (made: Promise<number>) => void = () => {};
  #awaited: number;
  #wanted = false;

  /** @param seals how many will ask, or leave */
  constructor(seals: number, publish: () => Promise<number>) {
    this.#awaited = seals;
    this.#publish = publish;
    this.#made = new Promise((resolve) => {
      this.#settle = resolve;
    });
    // Whoever asks hears of a failure.
    this.#made.catch(() => {});
  }

  /** Resolves with the size of the checkpoint that covers what was appended before this call. */
  ask(): Promise<number> {
    this.#wanted = true;
    this.#arrive();
    return this.#made;
  }

  /** It will not ask, or has done so and ended. */
  leave(): void {
    this.#arrive();
  }

  #arrive(): void {
    this.#awaited -= 1;
    if (this.#awaited === 0 && this.#wanted) this.#settle(this.#publish());
  }
}
