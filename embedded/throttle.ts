/**
 * Writes the newest state of a thing now and then instead of each state: the first request waits for the interval to
 * fill, and a slow write makes the interval longer, so that large runs are written less often.
 */
export class Throttle {
  readonly #intervalMs: number;
  readonly #write: (key: string) => Promise<void>;
  readonly #onError: (key: string, error: unknown) => void;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #again = new Set<string>();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(
    intervalMs: number,
    write: (key: string) => Promise<void>,
    onError: (key: string, error: unknown) => void,
  ) {
    this.#intervalMs = intervalMs;
    this.#write = write;
    this.#onError = onError;
  }

  request(key: string): void {
    if (this.#writing.has(key)) this.#again.add(key);
    else if (!this.#waiting.has(key)) this.#wait(key, this.#intervalMs);
  }

  /** Writes what was requested and not written, and resolves when all of it is done. */
  async settle(): Promise<void> {
    while (this.#waiting.size > 0 || this.#writing.size > 0) {
      for (const [key, timer] of this.#waiting) {
        clearTimeout(timer);
        this.#waiting.delete(key);
        this.#start(key);
      }
      await Promise.all(this.#writing.values());
    }
  }

  #wait(key: string, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      this.#start(key);
    }, delayMs);
    this.#waiting.set(key, timer);
  }

  #start(key: string): void {
    const startedMs = performance.now();
    const written = this.#write(key)
      .catch((error: unknown) => this.#onError(key, error))
      .finally(() => {
        this.#writing.delete(key);
        // At most a fifth of the time is spent on writing one status.
        if (this.#again.delete(key)) this.#wait(key, Math.max(this.#intervalMs, 4 * (performance.now() - startedMs)));
      });
    this.#writing.set(key, written);
  }
}
