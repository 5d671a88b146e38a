/** ECDSA signatures from DER, `SEQUENCE { INTEGER r, INTEGER s }`, to the two numbers side by side that WebCrypto takes. */

/** Undefined unless the DER is the one form of two positive numbers that fit `width` bytes each. */
export function rawOfDerSignature(der: Uint8Array, width: number): Uint8Array | undefined {
  // Beyond 127 bytes the length takes a second byte, which is so for P-521 alone.
  const head = der[1] === 0x81 ? 3 : 2;
  const length = der[head - 1] ?? 0;
  if (der[0] !== 0x30 || der.length !== head + length || length >= 0x80 !== (head === 3)) return undefined;
  const raw = new Uint8Array(2 * width);
  const middle = placeNumber(der, head, raw, width);
  if (middle === undefined || placeNumber(der, middle, raw, 2 * width) !== der.length) return undefined;
  return raw;
}

/** Writes the INTEGER at `start` so that it ends at `end`; where the next element begins, or undefined. */
function placeNumber(der: Uint8Array, start: number, raw: Uint8Array, end: number): number | undefined {
  const length = der[start + 1] ?? 0;
  const next = start + 2 + length;
  const number = der.subarray(start + 2, next);
  if (der[start] !== 0x02 || length === 0 || length >= 0x80 || next > der.length) return undefined;
  const [first = 0, second = 0] = number;
  const isPadded = first === 0;
  if (first >= 0x80 || (isPadded && second < 0x80)) return undefined;
  const digits = isPadded ? number.subarray(1) : number;
  if (digits.length > raw.length / 2) return undefined;
  raw.set(digits, end - digits.length);
  return next;
}
