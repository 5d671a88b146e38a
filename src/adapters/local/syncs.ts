/**
 * When what has been appended is durable. At most one sync is under way: what is appended meanwhile is served by the next
 * one, all of it at once. A failure reaches everybody who waits, and the file is dead from then on.
 */
import type { StoreFile } from './store-file.ts';

interface Waiting {
  promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export class Syncs {
  readonly #file: Pick<StoreFile, 'sync' | 'syncBeside'>;
  /** Of the turn that goes on. */
  #expected: Waiting | null = null;
  /** Of turns that were appended and are served by the next sync. */
  #appended: Waiting[] = [];
  #isSyncing = false;
  /** Of the turn that was appended last: no turn is durable before those in front of it. */
  #last: Promise<void> | null = null;

  constructor(file: Pick<StoreFile, 'sync' | 'syncBeside'>) {
    this.#file = file;
  }

  /** Something changes that is not appended yet. */
  expect(): void {
    this.#expected ??= waiting();
  }

  /** Resolves when all that has changed so far is durable. */
  async all(): Promise<void> {
    await (this.#expected?.promise ?? this.#last);
  }

  /** Ends the turn: appends it, and syncs it at once or while the process goes on. */
  run(append: () => void, isBeside: boolean): void {
    const turn = this.#expected ?? waiting();
    this.#expected = null;
    this.#last = turn.promise;
    try {
      append();
      if (isBeside || this.#isSyncing) {
        this.#appended.push(turn);
        if (!this.#isSyncing) void this.#syncAppended();
      } else {
        this.#file.sync();
        turn.resolve();
      }
    } catch (error) {
      turn.reject(error);
    }
  }

  async #syncAppended(): Promise<void> {
    this.#isSyncing = true;
    while (this.#appended.length > 0) {
      const served = this.#appended;
      this.#appended = [];
      try {
        await this.#file.syncBeside();
        for (const turn of served) turn.resolve();
      } catch (error) {
        for (const turn of served) turn.reject(error);
      }
    }
    this.#isSyncing = false;
  }
}

function waiting(): Waiting {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<void>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  // Whoever waits hears of a failure; when nobody does, the next call of the store does.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
