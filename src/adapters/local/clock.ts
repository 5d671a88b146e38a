import { randomBytes } from 'node:crypto';
import type { Chance, Clock } from '#ports/clock.ts';

/**
 * The machine's clock. When that is set back, this one goes on at half its speed until the machine's has come up with
 * it: times of one process never run backwards, and never stand still either, or nothing that waits would ever be due.
 */
export function createLocalClock(): Clock {
  let latestMs = 0;
  let seenMs = performance.now();
  return {
    nowMs() {
      const monotonicMs = performance.now();
      latestMs = Math.max(latestMs + (monotonicMs - seenMs) / 2, Date.now());
      seenMs = monotonicMs;
      return Math.floor(latestMs);
    },
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs, 2_147_483_647));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Random bytes are drawn in blocks: one call of the kernel for many events. */
export function createLocalChance(): Chance {
  const block = Buffer.alloc(4096);
  let used = block.length;
  const take = (bytes: number): Buffer => {
    if (bytes > block.length) return randomBytes(bytes);
    if (used + bytes > block.length) {
      randomBytes(block.length).copy(block);
      used = 0;
    }
    used += bytes;
    return block.subarray(used - bytes, used);
  };
  return {
    hex: (bytes) => take(bytes).toString('hex'),
    fraction: () => take(6).readUIntBE(0, 6) / 2 ** 48,
  };
}
