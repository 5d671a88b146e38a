/** Tells the control plane that the attempt lives, and hears from the lease whether it should go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WaybillError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { parseLease } from '#core/lease-document.ts';
import type { Heartbeat, Lease } from '#core/mailbox-protocol.ts';
import type { LogFile } from './log-file.ts';
import { bodyOf, getBytes, put } from './mailbox-client.ts';
import type { StopRequest } from './stop-request.ts';

export const MAX_LEASE_BYTES: number = 8 * 1024 * 1024;

export interface Pulse {
  progress(progress: NonNullable<Heartbeat['progress']>): void;
  /** The newest version of the lease: its URLs may have been renewed. */
  lease(): Lease;
  /** Resolves when no beat is under way any more, and none will follow. */
  end(): Promise<void>;
}

/** Beats at once, then every `heartbeatMs` of the lease, whatever the blocks do. Ends `stop` when the lease says so. */
export function startPulse(first: Lease, log: LogFile, stop: StopRequest): Pulse {
  const ended = new AbortController();
  let lease = first;
  let progress: Heartbeat['progress'];
  let sentLogBytes = 0;

  async function beat(seq: number): Promise<void> {
    const heartbeat: Heartbeat = { v: 1, attemptId: first.attemptId, seq, at: new Date().toISOString() };
    if (progress !== undefined) heartbeat.progress = progress;
    await put(lease.put.heartbeat, bodyOf(Buffer.from(canonicalize(heartbeat))), false);
    if (log.sizeBytes() !== sentLogBytes) {
      sentLogBytes = log.sizeBytes();
      await put(lease.put.log, log.body(), false);
    }
    const next = parseLease(await getBytes(lease.next, MAX_LEASE_BYTES));
    // What was verified stays: of a later lease only the URLs and the flag count.
    lease = { ...first, put: next.put, next: next.next, cancel: next.cancel };
    if (lease.cancel) stop.stop('cancelled');
  }

  const beating = (async (): Promise<void> => {
    for (let seq = 0; !ended.signal.aborted; seq++) {
      await beat(seq).catch((error: unknown) => {
        // A mailbox that is gone means that nobody waits for this attempt. One out of reach may come back.
        if (error instanceof WaybillError && error.code === 'OBJECT_MISSING') stop.stop('cancelled');
      });
      await sleep(first.heartbeatMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  })();

  return {
    progress(now) {
      progress = now;
    },
    lease: () => lease,
    async end() {
      ended.abort();
      await beating;
    },
  };
}
