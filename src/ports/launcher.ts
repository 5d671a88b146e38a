/**
 * Launcher: starts the worker of an attempt and stops it again.
 *
 * Contract
 * - `launch` starts at most one worker for an attempt id, however often it is called with it while that worker lives, and
 *   resolves with a handle that means something to every later process on this deployment (a task ARN; a pid with its
 *   start time). It is called only after the transaction that recorded the dispatch is durable.
 * - `handleOf` is the handle that a launch of this attempt has or will have, where that is known beforehand, and else null.
 *   It may then be recorded with the dispatch, so `stop`, `alive` and `keep` may be asked of a launch that never came.
 * - `launch` throws RetryableError LAUNCH_FAILED when nothing was started; the attempt is then settled as lost, which
 *   costs the item nothing. It throws RetryableError LAUNCH_DEFERRED when there is no room for a worker now (a quota, a
 *   throttle): the item is then tried again in minutes, as often as it takes.
 * - `stop` ends the worker and everything it started: a polite signal, then force after `graceMs`. Stopping something
 *   that is gone, or a handle of another boot, resolves without doing anything: handles are never reused for strangers.
 * - A worker that ends, for whatever cause, is reported once through `onStopped`. The report is a hint: a result that was
 *   staged before the end decides; reports may be lost with the process; the lease decides then.
 * - A handle means one attempt. A launcher may have one process serve attempts of the same `sharedBy` one after another, never
 *   two at a time; then the handle of one that has ended there is dead, while the process serves the next.
 * - `alive` answers for handles of earlier processes too.
 * - `keep` says that the attempt is still wanted; it is called about once a minute. A launcher may end a worker that
 *   nobody has asked for in half an hour, so that none outlives a control plane that has died. Unknown handles are fine.
 * Adapters may differ in how long a start takes (milliseconds to a minute) and in which isolation they offer.
 */
import type { Digest } from '@waybill/verify';
import type { Isolation } from '#core/mailbox-protocol.ts';

export type LaunchHandle = string;

export interface LaunchOrder {
  attemptId: string;
  leaseUrl: string;
  isolation: Isolation;
  /** Which toolchain its blocks run in; absent means `default`. Only those that the launcher was made with are ordered. */
  environment?: string;
  /** Whose attempts the process of its worker may serve before and after it; absent means that it serves no other. */
  sharedBy?: string;
  /** After this the attempt is over; a launcher may end its worker then by itself. */
  expiresAtMs: number;
}

/** Why a worker ended, as seen from outside it. */
export type StopCause = 'exited' | 'signalled' | 'out_of_memory' | 'start_failed' | 'no_room' | 'interrupted';

export interface StopNotice {
  attemptId: string;
  cause: StopCause;
  exit: number | null;
  /** The worker's last words, where the adapter hears them; hostile text for an operator's eyes. Empty when there are none. */
  detail: string;
}

export interface Launcher {
  /** The isolation a block gets here, found by trying it, and the digest of the worker executable. */
  probe(): Promise<{ isolation: Isolation; executable: Digest | 'in-process'; detail: string }>;
  handleOf(attemptId: string, environment?: string): LaunchHandle | null;
  launch(order: LaunchOrder): Promise<LaunchHandle>;
  stop(handle: LaunchHandle, graceMs: number): Promise<void>;
  alive(handles: LaunchHandle[]): Promise<Set<LaunchHandle>>;
  keep(handle: LaunchHandle): Promise<void>;
  /** Set once by the composition root, before the first launch. */
  onStopped(listener: (notice: StopNotice) => void): void;
}
