/** Artifacts in a directory: `sha256/<first 2 hex>/<64 hex>`, each file under the digest of its bytes. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { type Digest, digestOf } from '@waybill/verify';
import type { Artifacts } from '#ports/artifacts.ts';
import {
  discard,
  ignoreMissing,
  isCode,
  publishOnce,
  requireRoom,
  sweepTemporary,
  syncDirectory,
  writeTemporary,
} from './durable-file.ts';

const READ_BYTES = 64 * 1024;
const DIGEST = /^sha256:([0-9a-f]{64})$/;

/** `directory` is made on the first write. Several processes may share it. */
export function createLocalArtifacts(directory: string): Artifacts {
  const incoming = join(directory, 'incoming');
  let swept: Promise<void> | null = null;

  return {
    async put(bytes, rule = {}) {
      swept ??= sweepTemporary(incoming, Date.now());
      await swept;
      if (bytes instanceof Uint8Array) {
        const found = await alreadyThere(directory, bytes, rule);
        if (found !== null) return found;
      }
      const file = await writeTemporary(incoming, bytes, rule.maxBytes);
      if (rule.expected !== undefined && rule.expected !== file.sha256) {
        discard(file);
        throw mismatch(rule.expected, file.sha256);
      }
      await publishOnce(file, pathOf(directory, file.sha256));
      return { sha256: file.sha256, sizeBytes: file.sizeBytes };
    },

    async open(digest) {
      try {
        return readVerified(await open(pathOf(directory, digest), 'r'), digest);
      } catch (error) {
        throw isCode(error, 'ENOENT') ? missing(digest) : error;
      }
    },

    async size(digest) {
      if (!DIGEST.test(digest)) return null;
      return await stat(pathOf(directory, digest)).then((found) => found.size, ignoreMissing(null));
    },
  };
}

/** Null where there is no such object yet. */
async function alreadyThere(
  directory: string,
  bytes: Uint8Array,
  { expected, maxBytes }: { expected?: Digest; maxBytes?: number },
): Promise<{ sha256: Digest; sizeBytes: number } | null> {
  const sizeBytes = bytes.byteLength;
  requireRoom(sizeBytes, maxBytes);
  const sha256 = digestOf(bytes);
  if (expected !== undefined && expected !== sha256) throw mismatch(expected, sha256);
  const path = pathOf(directory, sha256);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return null;
  // Its bytes were synced before it got its name; whoever gave it that may not have synced the name yet.
  await syncDirectory(dirname(path));
  return { sha256, sizeBytes };
}

/** Nobody may act on the last bytes before the digest is known to be right, so the stream fails instead of ending. */
async function* readVerified(file: FileHandle, digest: Digest): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  try {
    for (;;) {
      const chunk = new Uint8Array(READ_BYTES);
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES);
      if (bytesRead === 0) break;
      const read = chunk.subarray(0, bytesRead);
      hash.update(read);
      yield read;
    }
  } finally {
    await file.close();
  }
  const found: Digest = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw mismatch(digest, found);
}

/** A digest that is not one cannot name a file outside the directory: it names nothing. */
function pathOf(directory: string, digest: Digest): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw missing(digest);
  return join(directory, 'sha256', hex.slice(0, 2), hex);
}

function missing(digest: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_MISSING',
    path: `artifacts/${digest}`,
    problem: 'is not in the artifact store',
    fix: 'Check the digest, or restore the store from a copy.',
  });
}

function mismatch(expected: Digest, found: Digest): TerminalError {
  return new TerminalError({
    code: 'OBJECT_DIGEST_MISMATCH',
    path: `artifacts/${expected}`,
    problem: `holds bytes whose digest is ${found}`,
    fix: 'Send the bytes again from their source, or restore the object from a copy.',
  });
}
