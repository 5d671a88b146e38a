/** Pauses of something that goes on beside an attempt: the end of the attempt ends the one that is under way, and makes every other one short. */
export class Pauses {
  #isOver = false;
  #wake = (): void => {};

  get areOver(): boolean {
    return this.#isOver;
  }

  /** Never rejects: an error with its stack takes longer than most attempts wait. One at a time. */
  of(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }
}
