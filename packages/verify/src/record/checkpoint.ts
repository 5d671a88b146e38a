/** What an attempt that did not come to its end left for a later one of its item to go on from: the record knows its digest alone. */
import type { Digest } from '../crypto/digest.ts';

/** Under which a later attempt is given it; no need of an item has this name. */
export const CHECKPOINT_KEY = 'checkpoint.waybill';

/** The newest of an item. */
export interface Checkpoint {
  /** Which left it. */
  attempt: number;
  sha256: Digest;
}

/** Attempts that end so may leave one; whatever else ended may have made the state that it ended for. */
export const CHECKPOINT_OUTCOMES: ReadonlySet<string> = new Set(['deferred', 'timed_out']);
