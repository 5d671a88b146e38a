/** The log of an attempt: what its blocks said on stdout and stderr, as it came, under a line for each block, capped. */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import type { Body } from './mailbox-client.ts';

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

/** Writes synchronously, so that the order of two streams is the order in which they were heard. */
export function createLogFile(path: string, maxBytes: number): LogFile {
  const descriptor = openSync(path, 'w', 0o600);
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
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(descriptor, bytes, at);
    sizeBytes += bytes.byteLength;
    if (bytes.byteLength > 0) atLineStart = bytes.at(-1) === 0x0a;
  }

  return {
    write,
    note: (line) => write(`${atLineStart ? '' : '\n'}--- waybill: ${line} ---\n`),
    flush: () => {},
    truncated: () => truncated,
    sizeBytes: () => sizeBytes,
    body: () => {
      const end = sizeBytes - 1;
      return { sizeBytes, open: () => (end < 0 ? [] : createReadStream(path, { end })) };
    },
    close: () => closeSync(descriptor),
  };
}
