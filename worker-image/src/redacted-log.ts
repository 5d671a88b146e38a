/** A log into which secrets do not get: neither by one stream of a block, nor by two that are heard in turns. */
import type { LogFile } from './log-file.ts';
import type { RedactedStream, Redactor } from './redactor.ts';

/** Writes to `log`, which others may read at any time. What is held back is written by `flush`, at the end of a block. */
export function redactedLog(log: LogFile, redactor: Redactor): LogFile {
  const together = redactor.stream((bytes) => log.write(bytes));
  const apart = new Map<object | undefined, RedactedStream>();
  const flush = (): void => {
    for (const stream of apart.values()) stream.flush();
    apart.clear();
    together.flush();
  };
  return {
    ...log,
    flush,
    write(bytes, source) {
      const stream = apart.get(source) ?? redactor.stream((part) => together.write(part));
      apart.set(source, stream);
      stream.write(Buffer.from(bytes as Uint8Array));
    },
    note(line) {
      // What a block has begun to say may end behind what is noted.
      together.flush();
      log.note(redactor.text(line));
    },
  };
}
