/** Writes DER: the little that a request and a trimmed answer need. */
import { concatBytes } from '../crypto/bytes.ts';
import { compareBytes, TAG } from './der.ts';

/** A value with its tag and length. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const whole = concatBytes(content);
  return concatBytes([Uint8Array.of(tag, ...lengthBytes(whole.length)), whole]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** The values of a SET OF in their order, under any tag. */
export function derSet(tag: number, members: readonly Uint8Array[]): Uint8Array {
  return der(tag, ...members.toSorted(compareBytes));
}

/** An INTEGER that is not negative, from its bytes with the highest first. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  return der(TAG.integer, unsignedContent(bytes));
}

/** The content of such an INTEGER. */
export function unsignedContent(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first === -1) return Uint8Array.of(0);
  const minimal = bytes.subarray(first);
  return (minimal[0] as number) < 0x80 ? minimal : concatBytes([Uint8Array.of(0), minimal]);
}
