/** The log of an attempt: what its blocks said on stdout and stderr, as it came, under a line for each block, capped. */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { type Body, bodyOf } from './mailbox-client.ts';

/** So much is kept in memory; most logs need no file. */
const SHORT_BYTES = 64 * 1024;
const TRUNCATED = '\n--- waybill: the log ends here, its limit is reached ---\n';

export interface LogFile {
  /** @param source of several that speak in turns, by which one this was said */
  write(bytes: Uint8Array | string, source?: object): void;
  /** A line that the wrapper says; it begins on a line of its own. */
  note(line: string): void;
  /** Nothing follows that belongs to what was written so far. */
  flush(): void;
  truncated(): boolean;
  sizeBytes(): number;
  /** What is in the log now. */
  body(): Body;
  close(): void;
}

/** Writes synchronously, so that the order of two streams is the order in which they were heard. What is long goes to a file at this path. */
export function createLogFile(path: string, maxBytes: number): LogFile {
  const short: Uint8Array[] = [];
  let descriptor: number | null = null;
  const room = Math.max(0, maxBytes - TRUNCATED.length);
  let sizeBytes = 0;
  let truncated = false;
  let atLineStart = true;

  function write(data: Uint8Array | string): void {
    if (truncated) return;
    const bytes = Buffer.from(data);
    const kept = bytes.subarray(0, room - sizeBytes);
    append(kept);
    if (kept.byteLength === bytes.byteLength) return;
    truncated = true;
    if (maxBytes >= TRUNCATED.length) append(Buffer.from(TRUNCATED));
  }

  function append(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    short.push(bytes);
    sizeBytes += bytes.byteLength;
    atLineStart = bytes.at(-1) === 0x0a;
    if (descriptor === null && sizeBytes <= SHORT_BYTES) return;
    descriptor ??= openSync(path, 'w', 0o600);
    for (const part of short.splice(0)) {
      for (let at = 0; at < part.byteLength; ) at += writeSync(descriptor, part, at);
    }
  }

  return {
    write,
    note: (line) => write(`${atLineStart ? '' : '\n'}--- waybill: ${line} ---\n`),
    flush: () => {},
    truncated: () => truncated,
    sizeBytes: () => sizeBytes,
    body: () => {
      if (descriptor === null) return bodyOf(Buffer.concat(short));
      const end = sizeBytes - 1;
      return { sizeBytes, open: () => createReadStream(path, { end }) };
    },
    close: () => {
      if (descriptor !== null) closeSync(descriptor);
    },
  };
}
