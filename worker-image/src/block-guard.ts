/** Ends a block that writes nothing for too long, or too much. What an agent does inside it is guarded by its adapter. */
import type { PlanGuards } from '@waybill/client/plan';
import type { BlockCommand } from './block-process.ts';

type Supervision = Pick<BlockCommand, 'signal' | 'onOutput'>;

export interface BlockGuard extends Supervision {
  /** Call once, when the block has ended. The limit that it had reached, or null. */
  end(): 'no_output' | 'output_limit' | null;
}

export function guardBlock({ stallMs, outputBytes }: PlanGuards, { signal, onOutput }: Supervision): BlockGuard {
  const reached = new AbortController();
  let limit: ReturnType<BlockGuard['end']> = null;
  let written = 0;
  const condemn = (found: NonNullable<typeof limit>): void => {
    limit ??= found;
    reached.abort();
  };
  const wait = (): NodeJS.Timeout | undefined =>
    stallMs === undefined ? undefined : setTimeout(() => condemn('no_output'), Math.min(stallMs, 2 ** 31 - 1));
  let timer = wait();
  return {
    signal: AbortSignal.any([signal, reached.signal]),
    onOutput(bytes, source) {
      clearTimeout(timer);
      if (limit === null) timer = wait();
      written += bytes.byteLength;
      if (written > (outputBytes ?? Number.POSITIVE_INFINITY)) condemn('output_limit');
      onOutput(bytes, source);
    },
    end() {
      clearTimeout(timer);
      return limit;
    },
  };
}
