/** What a block sends to the door: heard within bounds, and looked over before it is parsed, since the wrapper waits for both. */
import type { IncomingMessage } from 'node:http';

const MIB = 1024 * 1024;
/** Below what providers take: a longer conversation is more than a model reads, and only images are as large. */
const MAX_BODY_BYTES = 8 * MIB;
/** Of all bodies that are held at a time. */
const MAX_HELD_BYTES = 16 * MIB;
const MAX_DEPTH = 100;
/** Entries of lists and objects: what the parser and those who judge walk through. */
const MAX_ENTRIES = 250_000;

export type Heard = { bytes: Buffer; release(): void } | { problem: string; isBusy: boolean };

/** One for all requests of a door. What was heard counts until it is released. */
export function createHearing(): (asked: IncomingMessage) => Promise<Heard> {
  let heldBytes = 0;
  return async (asked) => {
    const parts: Buffer[] = [];
    let [sizeBytes, keptBytes, isBusy] = [0, 0, false];
    const release = (): void => {
      heldBytes -= keptBytes;
      keptBytes = 0;
      parts.length = 0;
    };
    try {
      // Heard to its end, so that an answer is read, and not kept where it is too much.
      for await (const part of asked as AsyncIterable<Buffer>) {
        sizeBytes += part.length;
        isBusy ||= heldBytes + part.length > MAX_HELD_BYTES;
        if (isBusy || sizeBytes > MAX_BODY_BYTES) {
          release();
          continue;
        }
        parts.push(part);
        keptBytes += part.length;
        heldBytes += part.length;
      }
    } catch (error) {
      release();
      throw error;
    }
    if (sizeBytes > MAX_BODY_BYTES) return { problem: 'the request is too large', isBusy: false };
    if (isBusy) return { problem: 'too much is asked at a time', isBusy };
    const bytes = Buffer.concat(parts);
    parts.length = 0;
    return { bytes, release };
  };
}

const [QUOTE, ESCAPE, COMMA] = [0x22, 0x5c, 0x2c];
const OPENERS = [0x5b, 0x7b];
const CLOSERS = [0x5d, 0x7d];

/** The object that the bytes hold, or what is wrong with them, in words. */
export function objectIn(bytes: Buffer): Record<string, unknown> | string {
  if (isTooWide(bytes)) return 'it is too deep, or has too many entries';
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return isObject ? (body as Record<string, unknown>) : 'it is no JSON object';
  } catch {
    return 'it is no JSON';
  }
}

/** Of bytes that are no JSON it may say anything: the parser says the rest. */
function isTooWide(bytes: Buffer): boolean {
  let [depth, entries, isText] = [0, 0, false];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (isText) {
      if (byte === ESCAPE) at += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === COMMA) entries += 1;
    else if (OPENERS.includes(byte)) {
      depth += 1;
      entries += 1;
    } else if (CLOSERS.includes(byte)) depth -= 1;
    if (depth > MAX_DEPTH || entries > MAX_ENTRIES) return true;
  }
  return false;
}
