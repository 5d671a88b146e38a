/** Bytes without the help of a platform. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const encoder = new TextEncoder();

/** Lowercase, two digits a byte. */
export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (let index = 0; index < bytes.length; index++) hex += HEX[bytes[index] as number];
  return hex;
}

/** Of an even number of hex digits, which the caller has made sure of. */
export function bytesOfHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (digitOf(hex.charCodeAt(2 * index)) << 4) | digitOf(hex.charCodeAt(2 * index + 1));
  }
  return bytes;
}

/** Of 0 to 9, a to f and A to F: letters of either case are nine behind their last four bits. */
function digitOf(code: number): number {
  return (code & 15) + (code > 57 ? 9 : 0);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Whether a text has more than `limit` bytes in UTF-8; only for texts near the limit are they counted. */
export function exceedsUtf8(text: string, limit: number): boolean {
  // Every UTF-16 unit takes one to three bytes.
  if (text.length > limit) return true;
  return text.length * 3 > limit && utf8(text).length > limit;
}
