/** Which processes of a launcher could take an attempt: those that have none, and those that are about to have none. */
import type { Clock } from '#ports/clock.ts';

/** An engine without work holds no processes. */
const IDLE_MS = 2_000;
/** What one takes that has said so is a few milliseconds. To start another takes at least as long as this. */
const MOST_WAITED_MS = 100;

interface Reusable {
  readonly mayServe: boolean;
  /** It serves no other, and ends. */
  dismiss(): void;
}

interface Ending<W> {
  worker: W;
  sharers: string;
  /** Somebody waits for it. */
  give: ((worker: W | null) => void) | null;
}

export class FreeProcesses<W extends Reusable> {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #free: { worker: W; sharers: string; cancelEnd: () => void }[] = [];
  readonly #ending: Ending<W>[] = [];

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Its attempt has all but ended. Whoever says so also says `add` or `remove`. */
  addEnding(worker: W, sharers: string): void {
    this.#ending.push({ worker, sharers, give: null });
  }

  add(worker: W, sharers: string): void {
    const give = this.#takeEnding(worker) ?? this.#takeWaiter(sharers);
    if (give === null) this.#keep(worker, sharers);
    else give(worker);
  }

  /** It has ended, or ends. */
  remove(worker: W): void {
    this.#takeFree(worker);
    this.#takeEnding(worker)?.(null);
  }

  /**
   * The one that was busy last, so that those that are too many end; else one that is about to be free, for whoever asks first. Null where one
   * has to be started.
   */
  async take(sharers: string): Promise<W | null> {
    const free = this.#free.findLast((one) => one.sharers === sharers && one.worker.mayServe);
    if (free !== undefined) {
      this.#takeFree(free.worker);
      return free.worker;
    }
    const ending = this.#ending.find((one) => one.sharers === sharers && one.give === null && one.worker.mayServe);
    return ending === undefined ? null : this.#wait(ending);
  }

  async #wait(ending: Ending<W>): Promise<W | null> {
    let cancel = (): void => {};
    const given = await new Promise<W | null>((resolve) => {
      ending.give = resolve;
      cancel = this.#clock.after(MOST_WAITED_MS, () => {
        this.#takeEnding(ending.worker);
        resolve(null);
      });
    });
    cancel();
    // It may have said what nobody understands behind its answer.
    return given?.mayServe === true ? given : null;
  }

  #keep(worker: W, sharers: string): void {
    const dismiss = (): void => {
      this.#takeFree(worker);
      worker.dismiss();
    };
    this.#free.push({ worker, sharers, cancelEnd: this.#clock.after(IDLE_MS, dismiss) });
  }

  #takeFree(worker: W): void {
    const at = this.#free.findIndex((one) => one.worker === worker);
    for (const { cancelEnd } of at === -1 ? [] : this.#free.splice(at, 1)) cancelEnd();
  }

  /** Whoever waits for another one is as well served by this. */
  #takeWaiter(sharers: string): Ending<W>['give'] {
    const waitedFor = this.#ending.find((one) => one.sharers === sharers && one.give !== null);
    const give = waitedFor?.give ?? null;
    if (waitedFor !== undefined) waitedFor.give = null;
    return give;
  }

  #takeEnding(worker: W): Ending<W>['give'] {
    const at = this.#ending.findIndex((one) => one.worker === worker);
    return at === -1 ? null : (this.#ending.splice(at, 1)[0]?.give ?? null);
  }
}
