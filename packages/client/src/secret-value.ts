/** What can be kept as a secret: text that a program can be given, and that can be told from other text where it must not show. */

/** In bytes of UTF-8; the least without white space. */
export const SECRET_BYTES: { readonly least: number; readonly most: number } = { least: 8, most: 32 * 1_024 };

/** As secrets are counted, and looked for: bytes up to that of the space say nothing. */
export function withoutSpace(text: string): string {
  return text.replace(/[\0-\x20]/g, '');
}

/** Null for one that can; never quotes it. */
export function secretProblem(value: Uint8Array): string | null {
  const { least, most } = SECRET_BYTES;
  // first: whoever reads one reads no more of it than tells that it is too long
  if (value.byteLength > most) return `has more than ${most} bytes`;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return 'is no UTF-8 text';
  }
  if (text.includes('\0')) return 'holds a NUL character';
  const told = new TextEncoder().encode(withoutSpace(text)).byteLength;
  return told < least ? `has less than ${least} bytes that are no white space` : null;
}

export const SECRET_FIX = `Give UTF-8 text of ${SECRET_BYTES.least} bytes or more that are no white space, and ${SECRET_BYTES.most} in all at most; what is no text goes in as base64.`;
