/**
 * The body of a row as an attribute: its JSON text, or that text packed where it is long. DynamoDB charges for each
 * kilobyte begun, twice in a transaction, and again when the row is deleted; events with their statements are most of it.
 *
 * Packed is `0x07` and the text deflated with a dictionary, after the payloads of envelopes were written out: they repeat
 * what stands beside them, which nobody sees in base64. No raw deflated stream begins with this byte, so bytes that do not
 * are text that was deflated alone, as it was before. A body is packed only if exactly its text comes out again.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ROW_DICTIONARY } from './row-dictionary.ts';

/** Below it a shorter text costs the same. */
const PLAIN_BYTES = 1_000;
/** What a row may hold, ours or another's: far more than DynamoDB's limit for an item deflates to. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** Its lowest bits name a kind of block that deflate does not have. */
const PACKED = 0x07;
const PAYLOAD = /"payload":"([A-Za-z0-9+/]+={0,2})"/g;
/** Around a payload that was written out; JSON holds neither character. */
const OPEN = '\u0001';
const CLOSE = '\u0002';
const WRITTEN_OUT = new RegExp(`${OPEN}([^${CLOSE}]*)${CLOSE}`, 'g');

/** What a body says of its state, beside it: filters of the table's stream cannot look into a text. */
export function stateAttribute(body: object): { state?: { S: string } } {
  const { state } = body as { state?: unknown };
  return typeof state === 'string' ? { state: { S: state } } : {};
}

export type BodyAttribute = { S: string } | { B: Uint8Array };

export function bodyAttribute(json: string): BodyAttribute {
  if (Buffer.byteLength(json) < PLAIN_BYTES) return { S: json };
  const packed = pack(json);
  return packed !== null && packed.byteLength < Buffer.byteLength(json) ? { B: packed } : { S: json };
}

/** @returns null for what is no body; throws for bytes that were not deflated */
export function textOfBody(attribute: object | undefined): string | null {
  if (attribute === undefined) return null;
  const { S, B } = attribute as { S?: string; B?: Uint8Array | string };
  if (S !== undefined) return S;
  if (B === undefined) return null;
  // Streams bring bytes as base64.
  return unpack(typeof B === 'string' ? Buffer.from(B, 'base64') : B);
}

function pack(json: string): Uint8Array | null {
  const text = json.replace(PAYLOAD, (field, payload: string) => {
    const written = Buffer.from(payload, 'base64').toString();
    const isSame = Buffer.from(written).toString('base64') === payload;
    return isSame && !written.includes(OPEN) && !written.includes(CLOSE)
      ? `"payload":"${OPEN}${written}${CLOSE}"`
      : field;
  });
  const deflated = deflateRawSync(text, { dictionary: ROW_DICTIONARY, level: 9 });
  const packed = Buffer.concat([Uint8Array.of(PACKED), deflated]);
  return unpack(packed) === json ? packed : null;
}

function unpack(bytes: Uint8Array): string {
  const options = { maxOutputLength: MAX_TEXT_BYTES };
  if (bytes[0] !== PACKED) return inflateRawSync(bytes, options).toString();
  const text = inflateRawSync(bytes.subarray(1), { ...options, dictionary: ROW_DICTIONARY }).toString();
  return text.replace(WRITTEN_OUT, (_, written: string) => Buffer.from(written).toString('base64'));
}
