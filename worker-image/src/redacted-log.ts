/** A log into which secrets do not get: neither by one stream of a block, nor by two that are heard in turns. */
import type { LogFile } from './log-file.ts';
import type { RedactedStream, Redactor } from './redactor.ts';

/** A longer line is written in parts. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Writes to `log`, which others may read at any time. Of each source, whole lines: what is held back of one would stand in the midst of
 * what the other says. What is held back is written by `flush`, at the end of a block.
 */
export function redactedLog(log: LogFile, redactor: Redactor): LogFile {
  const together = redactor.stream((bytes) => log.write(bytes));
  const apart = new Map<object | undefined, RedactedStream>();
  const flush = (): void => {
    for (const stream of apart.values()) stream.flush();
    apart.clear();
    together.flush();
  };
  const open = (source: object | undefined): RedactedStream => {
    const lines = inLines((bytes) => together.write(bytes));
    const redacted = redactor.stream(lines.write);
    const stream: RedactedStream = {
      write: (bytes) => redacted.write(bytes),
      flush() {
        redacted.flush();
        lines.flush();
      },
    };
    apart.set(source, stream);
    return stream;
  };
  return {
    ...log,
    flush,
    write(bytes, source) {
      const stream = apart.get(source) ?? open(source);
      stream.write(Buffer.from(bytes as Uint8Array));
    },
    note(line) {
      // What a block has begun to say may end behind what is noted.
      together.flush();
      log.note(redactor.text(line));
    },
  };
}

function inLines(handOn: (bytes: Uint8Array) => void): RedactedStream {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  const flush = (): void => {
    if (begunBytes > 0) handOn(Buffer.concat(begun));
    [begun, begunBytes] = [[], 0];
  };
  const hold = (bytes: Uint8Array): void => {
    // Its memory may be used again by whoever handed it on.
    if (bytes.byteLength > 0) begun.push(Buffer.from(bytes));
    begunBytes += bytes.byteLength;
  };
  return {
    flush,
    write(bytes) {
      const ended = bytes.lastIndexOf(0x0a) + 1;
      hold(bytes.subarray(0, ended));
      if (ended > 0) flush();
      hold(bytes.subarray(ended));
      if (begunBytes > MAX_LINE_BYTES) flush();
    },
  };
}
