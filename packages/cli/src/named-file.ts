/** Files that a person named, to be read. What cannot be is TerminalError FILE_UNREADABLE with `fix`, which says what is to be named. */
import { createReadStream } from 'node:fs';
import { TerminalError } from '@waybill/client';
import { refuseNamedPipe } from '@waybill/verify/flags';
import { readProblem } from './file-problem.ts';

/** Throws at whichever byte it stops being readable. */
export async function* openNamed(path: string, fix: string): AsyncGenerator<Uint8Array> {
  try {
    refuseNamedPipe(path);
    yield* createReadStream(path);
  } catch (cause) {
    throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem: readProblem(cause), fix }, { cause });
  }
}

/** As `readUpTo` of its bytes. */
export function readNamed(path: string, limitBytes: number, fix: string): Promise<Buffer> {
  return readUpTo(openNamed(path, fix), limitBytes);
}

/** A device has no end, and a file may be of any size: one byte more than is taken tells enough. */
export async function readUpTo(chunks: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes > limitBytes) break;
  }
  return Buffer.concat(parts).subarray(0, limitBytes + 1);
}
