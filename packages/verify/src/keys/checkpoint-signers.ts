/** Who signed a checkpoint, and whether that key was in force at its size. */
import { equalBytes } from '../crypto/bytes.ts';
import { type NoteKey, type SignedNote, verifyNote } from '../log/note.ts';
import type { Trust } from './trust.ts';

/** Every entry of the trust file whose key signed: one key may stand in several, each with a range of its own. */
export async function signersOf(note: SignedNote, keys: Trust['log']): Promise<Trust['log']> {
  const isSame = (a: NoteKey, b: NoteKey): boolean => equalBytes(a.publicKey.spki, b.publicKey.spki);
  const distinct = keys.filter((key, n) => keys.findIndex((other) => isSame(other, key)) === n);
  const signed = await verifyNote(note, distinct);
  return keys.filter((key) => signed.some((signer) => isSame(signer, key)));
}

/** A checkpoint is signed by a key that was in force at the last entry it covers. */
export function isInForceAt(signers: Trust['log'], size: number): boolean {
  const last = Math.max(0, size - 1);
  return signers.some(({ from, to }) => from <= last && last < to);
}
