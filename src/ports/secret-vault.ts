/**
 * Secret vault: what the deployment keeps for blocks, by name. Nothing but a sealed box ever leaves it.
 *
 * Contract
 * - `seal` reads the newest value of each of these and seals all of them to the recipient: whoever has not the private half of its
 *   key, or another attempt, epoch or manifest, opens nothing. Each call makes another box.
 *   Null for a key to which nothing can be sealed, such as a point of low order: whoever staged it has no shared secret with anybody.
 * - Throws TerminalError SECRET_UNAVAILABLE, naming the secret and never a value, for one that is not there, may not be read, is
 *   kept open to others, or is no text of 8 bytes to 32 KiB without NUL; RetryableError STORE_BUSY when its keeper does not answer.
 */
import type { Recipient } from '#core/sealed-secrets.ts';

export interface SecretVault {
  seal(names: readonly string[], to: Recipient): Promise<string | null>;
}
