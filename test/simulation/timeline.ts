/**
 * Simulated time: everything that will happen, ordered by when and then by who asked first. One thing happens at a time, and
 * what it sets going runs until all of it waits again; so the same seed is the same history.
 */
const A_ROUND = 64;

interface Due {
  atMs: number;
  order: number;
  run: () => void;
}

export class Timeline {
  nowMs: number;
  steps = 0;
  /** Of everything that was noted so far: two histories are the same if this is. */
  hash = 0x811c9dc5;
  /** Kept when a history is to be read; costs memory. */
  readonly lines: string[] | null;
  readonly #heap: Due[] = [];
  #held: Promise<unknown>[] = [];
  #order = 0;

  constructor(startMs: number, keepsLines: boolean) {
    this.nowMs = startMs;
    this.lines = keepsLines ? [] : null;
  }

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const due: Due = { atMs: Math.max(Math.ceil(atMs), this.nowMs), order: this.#order, run };
    const heap = this.#heap;
    let place = heap.length;
    heap.push(due);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Due;
      if (!isBefore(due, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = due;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Nothing else happens before this has: for a port that is not simulated. */
  hold(answer: Promise<unknown>): void {
    this.#held.push(answer.catch(() => {}));
  }

  note(line: string): void {
    this.hash = mixed(this.hash, line);
    this.lines?.push(`${String(this.nowMs).slice(-8)} ${line}`);
  }

  /**
   * One thing after another happens, and all that follows from each without waiting, as long as they may and there are any.
   * Behind each stand all microtasks: whoever was answered has asked for the next thing by then. Many go into one round of
   * the event loop, because a round costs as much as a thing that happens.
   */
  async live(mayGoOn: () => boolean): Promise<void> {
    while (await this.#round(mayGoOn)) await this.#whatIsHeld();
  }

  /** False: nothing will ever happen again, or nothing more may. */
  #round(mayGoOn: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const happen = (): void => {
        if (isOver || this.#held.length > 0) return;
        try {
          isOver = !mayGoOn() || !this.#happen();
        } catch (error) {
          isOver = true;
          reject(error);
        }
      };
      for (let n = 0; n < A_ROUND; n += 1) setImmediate(happen);
      setImmediate(() => resolve(!isOver));
    });
  }

  async #whatIsHeld(): Promise<void> {
    while (this.#held.length > 0) {
      await Promise.all(this.#held.splice(0));
      await new Promise(setImmediate);
    }
  }

  #happen(): boolean {
    const next = this.#pop();
    if (next === undefined) return false;
    this.nowMs = next.atMs;
    this.steps += 1;
    next.run();
    return true;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Due)) child += 1;
      const below = heap[child] as Due;
      if (!isBefore(below, last)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** FNV-1a over UTF-16 units, going on from `state`. */
export function mixed(state: number, text: string): number {
  let hash = state;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return hash >>> 0;
}

/** All bits of a 32-bit number depend on all others. */
export function scrambled(value: number): number {
  let mix = value >>> 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
