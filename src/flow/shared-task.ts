/**
 * A task that many ask for and that one call does for all of them: whoever asks while it runs is served by the next
 * run, which begins after the request and therefore covers it.
 */
export class SharedTask<T> {
  readonly #run: () => Promise<T>;
  #current: Promise<T> | null = null;
  #next: Promise<T> | null = null;

  constructor(run: () => Promise<T>) {
    this.#run = run;
  }

  request(): Promise<T> {
    if (this.#next !== null) return this.#next;
    if (this.#current === null) return this.#start();
    const startNext = (): Promise<T> => this.#startNext();
    this.#next = this.#current.then(startNext, startNext);
    return this.#next;
  }

  #startNext(): Promise<T> {
    this.#next = null;
    return this.#start();
  }

  #start(): Promise<T> {
    const current = this.#run();
    this.#current = current;
    const done = (): void => {
      if (this.#current === current) this.#current = null;
    };
    current.then(done, done);
    return current;
  }
}
