/** A clock that goes as fast as the machine's, from a time that the test sets, and jumps ahead when the test says so. */
import { createLocalClock } from '#adapters/local/clock.ts';
import type { Clock } from '#ports/clock.ts';

export interface MovedClock extends Clock {
  /** What waits for a time that has come by then is called back at once. */
  jumpTo(time: string): void;
}

export function clockFrom(start: string): MovedClock {
  const machine = createLocalClock();
  let aheadMs = Date.parse(start) - machine.nowMs();
  const nowMs = (): number => machine.nowMs() + aheadMs;
  const waiting = new Set<() => void>();
  return {
    nowMs,
    after(delayMs, run) {
      const dueMs = nowMs() + delayMs;
      let cancel = (): void => {};
      const end = (): void => {
        cancel();
        waiting.delete(arm);
      };
      const arm = (): void => {
        cancel();
        cancel = machine.after(Math.max(0, dueMs - nowMs()), () => {
          end();
          run();
        });
      };
      waiting.add(arm);
      arm();
      return end;
    },
    jumpTo(time) {
      aheadMs += Date.parse(time) - nowMs();
      for (const arm of waiting) arm();
    },
  };
}
