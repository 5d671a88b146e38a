/** Root ledger in a directory: each object is a file that is written once. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { ignoreMissing, publishOnce, writeTemporary } from '#adapters/local/durable-file.ts';
import type { RootLedger } from '#ports/root-ledger.ts';

const KEY = /^[a-zA-Z0-9_-][a-zA-Z0-9._-]*(?:\/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*$/;

export function createLocalRootLedger(directory: string): RootLedger {
  const fileOf = (key: string): string => {
    if (!KEY.test(key)) throw badKey(key);
    return join(directory, ...key.split('/'));
  };
  const write = async (key: string, bytes: AsyncIterable<Uint8Array> | Uint8Array) => {
    const path = fileOf(key);
    const file = await writeTemporary(join(directory, '.incoming'), bytes);
    const { sha256, sizeBytes } = file;
    if (!(await publishOnce(file, path)) && (await digestOfFile(path)) !== sha256) throw conflict(key);
    return { sha256, sizeBytes };
  };
  return {
    write,
    async put(key, bytes) {
      // Replays are common after a crash and cost no write.
      const present = await readFile(fileOf(key)).catch(ignoreMissing(null));
      if (present === null) await write(key, bytes);
      else if (!present.equals(bytes)) throw conflict(key);
    },
    async anchor(key, bytes) {
      const path = fileOf(key);
      const present = await readFile(path).catch(ignoreMissing(null));
      if (present === null) await publishOnce(await writeTemporary(join(directory, '.incoming'), bytes), path);
      // A directory keeps no versions and locks nothing.
      return { bytes: present ?? (await readFile(path)), version: null, lockedUntil: null };
    },
    async get(key) {
      return readFile(fileOf(key)).catch(ignoreMissing(null));
    },
    async open(key) {
      const path = fileOf(key);
      const present = await stat(path).catch(ignoreMissing(null));
      return present === null ? null : createReadStream(path);
    },
    async list(prefix, { after, limit }) {
      // Only the folder that the prefix names is read: a ledger has many.
      const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
      if (folder !== '' && !KEY.test(folder)) return [];
      const keys = (await walk(directory, folder)).filter(
        (key) => key.startsWith(prefix) && (after === undefined || key > after),
      );
      return keys.sort().slice(0, limit);
    },
    async newestCheckpoint() {
      const names = await readdir(join(directory, 'checkpoints')).catch(ignoreMissing<string[]>([]));
      const newest = names
        .filter((name) => /^\d{20}$/.test(name))
        .sort()
        .at(-1);
      return newest === undefined ? null : readFile(join(directory, 'checkpoints', newest));
    },
  };
}

async function walk(directory: string, prefix: string): Promise<string[]> {
  const entries = await readdir(join(directory, prefix), { withFileTypes: true }).catch(ignoreMissing([]));
  const keys: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const key = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) keys.push(...(await walk(directory, key)));
    else keys.push(key);
  }
  return keys;
}

async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

function conflict(key: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_CONFLICT',
    path: key,
    problem: 'other bytes stand under this key, and the ledger never changes',
    fix: 'Find out who wrote them before anything more is signed.',
  });
}

function badKey(key: string): TerminalError {
  const fix = 'Use slash-separated names of letters, digits, dots, dashes and underscores.';
  return new TerminalError({
    code: 'KEY_INVALID',
    path: JSON.stringify(key.slice(0, 200)),
    problem: 'no valid ledger key',
    fix,
  });
}
