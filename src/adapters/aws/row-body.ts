/**
 * The body of a row as an attribute: its JSON text, or that text deflated where it is long. DynamoDB charges for each
 * kilobyte begun, twice in a transaction, and once more when the row is deleted; events with their statements are most of it.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Below it a shorter text costs the same. */
const PLAIN_BYTES = 1_000;
/** What a row may hold, ours or another's: far more than DynamoDB's limit for an item deflates to. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

export type BodyAttribute = { S: string } | { B: Uint8Array };

export function bodyAttribute(json: string): BodyAttribute {
  if (Buffer.byteLength(json) < PLAIN_BYTES) return { S: json };
  const packed = deflateRawSync(json);
  return packed.byteLength < Buffer.byteLength(json) ? { B: packed } : { S: json };
}

/** @returns null for what is no body; throws for bytes that were not deflated */
export function textOfBody(attribute: object | undefined): string | null {
  if (attribute === undefined) return null;
  const { S, B } = attribute as { S?: string; B?: Uint8Array | string };
  if (S !== undefined) return S;
  if (B === undefined) return null;
  // Streams bring bytes as base64.
  const bytes = typeof B === 'string' ? Buffer.from(B, 'base64') : B;
  return inflateRawSync(bytes, { maxOutputLength: MAX_TEXT_BYTES }).toString();
}
