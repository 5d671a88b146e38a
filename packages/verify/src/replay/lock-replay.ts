/** Replays the locks of one run: an exclusive holder is alone, and fences only rise. */
import { mustHold } from '../contradiction.ts';
import type { FencedLock } from '../record/events.ts';

interface ReplayedLock {
  fence: number;
  mode: FencedLock['mode'];
  holders: number;
}

export class LockReplay {
  readonly #locks = new Map<string, ReplayedLock>();

  acquire(locks: readonly FencedLock[], item: string): void {
    for (const { name, mode, fence } of locks) {
      const lock = this.#locks.get(name);
      if (lock === undefined) {
        this.#locks.set(name, { fence, mode, holders: 1 });
        continue;
      }
      const isFree = lock.holders === 0 || (lock.mode === 'shared' && mode === 'shared');
      mustHold(isFree, `item ${item} takes lock ${name} while it is held`);
      mustHold(fence > lock.fence, `the fence of lock ${name} does not rise with item ${item}`);
      lock.fence = fence;
      lock.mode = mode;
      lock.holders++;
    }
  }

  release(locks: readonly FencedLock[]): void {
    for (const { name } of locks) {
      const lock = this.#locks.get(name);
      if (lock !== undefined) lock.holders--;
    }
  }
}
