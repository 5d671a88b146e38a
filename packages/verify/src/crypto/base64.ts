import { decodeBase64, encodeBase64 } from '#crypto';
import { EvidenceError } from '../evidence-error.ts';

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return encodeBase64(bytes);
}

/**
 * Decodes standard, padded base64 and refuses every other spelling of the same bytes (missing padding, URL alphabet,
 * white space, stray trailing bits), so that a signed document has one text form only.
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw new EvidenceError('BASE64', 'not canonical padded base64');
  return bytes;
}
