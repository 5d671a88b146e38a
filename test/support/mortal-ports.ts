/** A process that dies at one call of its ports: what its files hold then is copied, and every call from then on fails. */
import { cpSync } from 'node:fs';
import { TerminalError } from '@waybill/client/errors';
import type { PortCall } from './intercepted-ports.ts';

const DEAD = new TerminalError({ code: 'STORE_FAILED', path: 'test', problem: 'the process has died', fix: 'Go on.' });

export interface Life {
  /** Calls of all ports so far. */
  calls: number;
  crashed: boolean;
}

export interface Death {
  directory: string;
  /** Where the files go: they alone, so that what the store has not committed is not among them. */
  copy: string;
  /** Number of the call at which it dies; infinity for a life to its end. */
  crashAt: number;
}

/** What stands before the calls of a life, for `interceptPorts`. */
export function mortal({ directory, copy, crashAt }: Death): {
  life: Life;
  around: (call: PortCall, proceed: () => unknown) => unknown;
} {
  const life: Life = { calls: 0, crashed: false };
  return {
    life,
    around(_call, proceed) {
      life.calls += 1;
      if (life.calls === crashAt) {
        cpSync(directory, copy, { recursive: true });
        life.crashed = true;
      }
      return life.crashed ? Promise.reject(DEAD) : proceed();
    },
  };
}

/** Lets nothing through but the death. */
export async function untilDeath(act: () => Promise<unknown>): Promise<void> {
  await act().catch((error: unknown) => {
    if (error !== DEAD) throw error;
  });
}
