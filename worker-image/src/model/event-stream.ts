/**
 * The framing in which AWS streams events, `application/vnd.amazon.eventstream`: lengths, headers, a payload, and two
 * checksums. Only headers that hold text are told; others are passed over.
 */
import { crc32 } from 'node:zlib';

export interface StreamMessage {
  headers: Map<string, string>;
  payload: Buffer;
}

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** Of one message: more than any that a model sends. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const TEXT_TYPE = 7;
/** Bytes of a value by its type, where that is all that says how long it is. */
const FIXED_BYTES = [0, 0, 1, 2, 4, 8, null, null, 8, 16] as const;
const PREFIXED = [6, TEXT_TYPE];

/** Takes bytes as they come and gives the messages that are whole. Throws RangeError for what is no such stream. */
export function eventStreamReader(): { push(bytes: Uint8Array): StreamMessage[]; isEmpty(): boolean } {
  let pending = Buffer.alloc(0);
  return {
    push(bytes) {
      pending = Buffer.concat([pending, bytes]);
      const messages: StreamMessage[] = [];
      while (pending.length >= PRELUDE_BYTES) {
        const sizeBytes = checkedSize(pending);
        if (pending.length < sizeBytes) break;
        messages.push(readMessage(pending.subarray(0, sizeBytes)));
        pending = pending.subarray(sizeBytes);
      }
      return messages;
    },
    isEmpty: () => pending.length === 0,
  };
}

function checkedSize(bytes: Buffer): number {
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) throw damaged('its prelude does not match its checksum');
  const [whole, headers] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  if (whole > MAX_MESSAGE_BYTES || whole < PRELUDE_BYTES + headers + CHECKSUM_BYTES)
    throw damaged('its lengths are wrong');
  return whole;
}

function readMessage(message: Buffer): StreamMessage {
  const end = message.length - CHECKSUM_BYTES;
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end)) throw damaged('it does not match its checksum');
  const payloadAt = PRELUDE_BYTES + message.readUInt32BE(4);
  return {
    headers: readHeaders(message.subarray(PRELUDE_BYTES, payloadAt)),
    payload: message.subarray(payloadAt, end),
  };
}

/** Reading beyond the end throws RangeError by itself. */
function readHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const text = (sizeBytes: number): string => {
    if (at + sizeBytes > bytes.length) throw damaged('a header is longer than all of them');
    at += sizeBytes;
    return bytes.toString('utf8', at - sizeBytes, at);
  };
  while (at < bytes.length) {
    const name = text(bytes.readUInt8(at++));
    const type = bytes.readUInt8(at++);
    if (PREFIXED.includes(type)) {
      at += 2;
      const value = text(bytes.readUInt16BE(at - 2));
      if (type === TEXT_TYPE) headers.set(name, value);
    } else {
      const sizeBytes = FIXED_BYTES[type];
      if (sizeBytes === undefined || sizeBytes === null) throw damaged('a header is of no type');
      text(sizeBytes);
    }
  }
  return headers;
}

function damaged(problem: string): RangeError {
  return new RangeError(`a message of an event stream: ${problem}`);
}
