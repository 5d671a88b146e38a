/** Writes the framing in which AWS streams events; written apart from what reads it. */
import { crc32 } from 'node:zlib';

/** One event of ConverseStream, as the service frames it. */
export function eventFrame(type: string, payload: object): Buffer {
  return frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, payload);
}

export function exceptionFrame(type: string, message: string): Buffer {
  const headers = { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' };
  return frame(headers, { message });
}

function frame(headers: Record<string, string>, payload: object): Buffer {
  const names = Object.entries(headers).map(([name, value]) => {
    const [key, text] = [Buffer.from(name), Buffer.from(value)];
    const size = Buffer.alloc(2);
    size.writeUInt16BE(text.length);
    return Buffer.concat([Buffer.from([key.length]), key, Buffer.from([7]), size, text]);
  });
  const body = [Buffer.concat(names), Buffer.from(JSON.stringify(payload))] as const;
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(8 + 4 + body[0].length + body[1].length + 4, 0);
  lengths.writeUInt32BE(body[0].length, 4);
  const checked = Buffer.concat([lengths, checksum(lengths), ...body]);
  return Buffer.concat([checked, checksum(checked)]);
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}
