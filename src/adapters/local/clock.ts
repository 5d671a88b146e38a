import { randomBytes } from 'node:crypto';
import type { Chance, Clock } from '#ports/clock.ts';

/** The machine's clock, held still when it is set back, so that times of one process never run backwards. */
export function createLocalClock(): Clock {
  let latestMs = 0;
  return {
    nowMs() {
      latestMs = Math.max(latestMs, Date.now());
      return latestMs;
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
