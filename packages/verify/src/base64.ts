import { EvidenceError } from './evidence-error.ts';

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Decodes standard, padded base64 and refuses every other spelling of the same bytes (missing padding, URL alphabet,
 * white space, stray trailing bits), so that a signed document has one text form only.
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new EvidenceError('BASE64', 'not canonical padded base64');
  return bytes;
}
