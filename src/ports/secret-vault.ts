/**
 * Secret vault: what the deployment keeps for blocks, by name. Nothing but a sealed box ever leaves it.
 *
 * Contract
 * - `seal` reads the newest value of each of these and seals all of them to the recipient: whoever has not the private half of its
 *   key, or another attempt, epoch or manifest, opens nothing. Each call makes another box.
 *   A name may be that of a session with a model: it is made for this, and is good until `untilMs` at least, or for an hour.
 *   Null for a key to which nothing can be sealed, such as a point of low order: whoever staged it has no shared secret with anybody.
 * - Throws TerminalError SECRET_UNAVAILABLE, naming the secret and never a value, for one that is not there, may not be read, is
 *   kept open to others, or is no text of 8 bytes to 32 KiB without NUL; RetryableError STORE_BUSY when its keeper does not answer.
 */
import type { Recipient } from '#core/sealed-secrets.ts';

/** For which a secret is read, or a session made. */
export interface AskingAttempt {
  attemptId: string;
  /** When it is over at the latest. */
  untilMs: number;
}

export interface SecretVault {
  seal(names: readonly string[], to: Recipient, untilMs: number): Promise<string | null>;
}
