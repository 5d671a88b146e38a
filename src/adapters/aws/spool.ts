/**
 * Bytes of unknown length, read to their end before a PUT: S3 wants length and checksum first. What is small stays in
 * memory, anything else goes through a temporary file (a Lambda needs that much ephemeral storage).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';

const MAX_IN_MEMORY_BYTES = 1024 * 1024;
/** S3 takes no more in one PUT, and these objects are never written in parts. */
export const MAX_PUT_BYTES: number = 5 * 1024 ** 3;

type Bytes = AsyncIterable<Uint8Array> | Uint8Array;

export interface Spooled {
  sha256: Digest;
  sizeBytes: number;
  /** From the start, as often as wanted until it is discarded. */
  open(): Uint8Array | Readable;
}

/**
 * Reads the bytes to their end, lends them to `use` and keeps nothing afterwards. Throws TerminalError OBJECT_TOO_LARGE
 * over `maxBytes`, and whatever the stream throws; `use` is not called then.
 */
export async function spooled<T>(
  bytes: Bytes,
  use: (spool: Spooled) => Promise<T>,
  maxBytes: number = MAX_PUT_BYTES,
): Promise<T> {
  const folder = { path: null as string | null };
  try {
    return await use(await readAll(bytes, maxBytes, folder));
  } finally {
    if (folder.path !== null) await rm(folder.path, { recursive: true, force: true });
  }
}

async function readAll(bytes: Bytes, maxBytes: number, folder: { path: string | null }): Promise<Spooled> {
  const hash = createHash('sha256');
  let held: Uint8Array[] = [];
  let sizeBytes = 0;
  let file: Awaited<ReturnType<typeof open>> | null = null;
  try {
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      if (file === null && sizeBytes > MAX_IN_MEMORY_BYTES && !(bytes instanceof Uint8Array)) {
        folder.path = await mkdtemp(join(tmpdir(), 'waybill-spool-'));
        file = await open(join(folder.path, 'bytes'), 'wx', 0o600);
        for (const earlier of held) await file.writeFile(earlier);
        held = [];
      }
      if (file === null) held.push(Uint8Array.from(chunk));
      else await file.writeFile(chunk);
    }
  } finally {
    await file?.close();
  }
  const sha256: Digest = `sha256:${hash.digest('hex')}`;
  const path = folder.path;
  if (path !== null) return { sha256, sizeBytes, open: () => createReadStream(join(path, 'bytes')) };
  const whole = Buffer.concat(held);
  return { sha256, sizeBytes, open: () => whole };
}

function tooLarge(maxBytes: number): TerminalError {
  return new TerminalError({
    code: 'OBJECT_TOO_LARGE',
    path: 'object',
    problem: `holds more than ${maxBytes} bytes`,
    fix: 'Write less, or raise the limit that names this size.',
  });
}
