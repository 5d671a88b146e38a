/** Tells the control plane that the attempt lives, and hears from the lease whether it should go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WaybillError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { parseLease } from '#core/lease-document.ts';
import { type Heartbeat, type Lease, MAX_LOOK_MS } from '#core/mailbox-protocol.ts';
import { type Body, bodyOf, getBytes, put } from './mailbox-client.ts';
import { Pauses } from './pauses.ts';
import type { StopRequest } from './stop-request.ts';

export const MAX_LEASE_BYTES: number = 8 * 1024 * 1024;

/** A URL that is refused is asked for anew this often before it is given up, with a pause in between. */
const RENEWALS = 6;
const MAX_RENEWAL_PAUSE_MS = 15_000;

export interface Pulse {
  progress(progress: NonNullable<Heartbeat['progress']>): void;
  /**
   * Puts an object of the lease; `once` as in `put` of the mailbox client. A URL that has lapsed is replaced by what the
   * lease says now. Throws TerminalError OBJECT_MISSING when the lease is gone, or names no URL that is taken.
   */
  put(object: keyof Lease['put'], body: Body, once: boolean): Promise<void>;
  /** Puts what the log holds so far. Nothing depends on it: throws nothing, and asks for no newer URL. */
  showLog(body: Body): Promise<void>;
  /** Resolves when no beat is under way any more, and none will follow. */
  end(): Promise<void>;
}

/**
 * Beats every `heartbeatMs` of the lease, whatever the blocks do, and reads the lease after each beat and in between. The
 * first beat comes after its whole time: an attempt that is over by then costs none. Ends `stop` when the lease says so.
 */
export function startPulse(first: Lease, stop: StopRequest, lookMs: number = MAX_LOOK_MS): Pulse {
  const pauses = new Pauses();
  let lease = first;
  let progress: Heartbeat['progress'];

  async function beat(seq: number): Promise<void> {
    const heartbeat: Heartbeat = { v: 1, attemptId: first.attemptId, seq, at: new Date().toISOString() };
    if (progress !== undefined) heartbeat.progress = progress;
    try {
      await put(lease.put.heartbeat, bodyOf(Buffer.from(canonicalize(heartbeat))), false);
    } finally {
      // Also after a refusal: what may have lapsed is renewed there, and only there it is said that all is over.
      await readLease();
    }
  }

  async function readLease(): Promise<void> {
    const next = await getBytes(lease.next, MAX_LEASE_BYTES).then(parseLease, (error: unknown) => {
      // A lease that is gone means that nobody waits for this attempt. One out of reach may come back.
      if (isMissing(error)) stop.stop('cancelled');
      throw error;
    });
    // What was verified stays: of a later lease only the URLs and the flag count.
    lease = { ...first, put: next.put, next: next.next, cancel: next.cancel };
    if (lease.cancel) stop.stop('cancelled');
  }

  async function putRenewed(object: keyof Lease['put'], body: Body, once: boolean): Promise<void> {
    for (let renewals = 0; ; renewals += 1) {
      try {
        return await put(lease.put[object], body, once);
      } catch (error) {
        if (!isMissing(error) || renewals === RENEWALS) throw error;
        const refused = lease.put[object];
        await readLease();
        if (lease.put[object] === refused) await sleep(Math.min(first.heartbeatMs, MAX_RENEWAL_PAUSE_MS));
      }
    }
  }

  const looks = Math.ceil(first.heartbeatMs / lookMs);
  const pauseMs = first.heartbeatMs / looks;
  const beating = (async (): Promise<void> => {
    await pauses.of(pauseMs);
    for (let look = 1; !pauses.areOver; look++) {
      await (look % looks === 0 ? beat(look / looks - 1) : readLease()).catch(() => {});
      await pauses.of(pauseMs);
    }
  })();

  return {
    progress(now) {
      progress = now;
    },
    put: putRenewed,
    showLog: (body) => put(lease.put.log, body, false).catch(() => {}),
    async end() {
      pauses.end();
      await beating;
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof WaybillError && error.code === 'OBJECT_MISSING';
}
