/** Registers everything below a folder: `packs/<name>/`, `capabilities/<name>/` and `values/<name>.yaml`. */
import { isUtf8 } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { type Refusal, TerminalError, WaybillError } from './errors.ts';
import { folderProblem } from './folder-archive.ts';
import { nameOf, type Registered, register } from './registry.ts';
import type { RegistryKind } from './registry-entry.ts';
import { SpecRefused } from './spec-refused.ts';
import type { Transport } from './transport.ts';

export type Synced = { kind: RegistryKind; path: string } & (
  | { how: Registered; name: string; sha256: Digest }
  | { how: 'refused'; refusals: readonly Refusal[] }
);

const FOLDERS: readonly (readonly [folder: string, kind: RegistryKind])[] = [
  ['packs', 'pack'],
  ['capabilities', 'capability'],
  ['values', 'values'],
];

/**
 * Tells of each as it is done; one that is refused hides no other, and neither does a folder that cannot be listed. Names that begin with
 * a dot are passed over. Throws TerminalError FILE_UNREADABLE where none of the three folders is, and RetryableError when the store cannot
 * be reached.
 */
export async function* syncRegistry(
  transport: Pick<Transport, 'registry' | 'principal'>,
  folder: string,
): AsyncGenerator<Synced> {
  const there = await readdir(folder).catch((cause: unknown) => {
    throw new TerminalError(unlisted(folder, cause, NAME_IT), { cause });
  });
  const asked = FOLDERS.filter(([below]) => there.includes(below));
  if (asked.length === 0) {
    const problem = 'there is no folder `packs`, `capabilities` or `values` in it';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: folder, problem, fix: NAME_IT });
  }
  for (const [below, kind] of asked) {
    const path = join(folder, below);
    const names = await readdir(path, { encoding: 'buffer' }).catch((cause: unknown) => unlisted(path, cause, LIST_IT));
    if (Array.isArray(names)) yield* syncAll(transport, kind, path, names);
    else yield { kind, path, how: 'refused', refusals: [names] };
  }
}

const NAME_IT = 'Name the folder that holds them; `waybill register` takes a single one.';
const LIST_IT = 'Let a folder stand there that this user may list, or take away what does.';

function unlisted(path: string, cause: unknown, fix: string): Refusal {
  return { code: 'FILE_UNREADABLE', path, problem: folderProblem(cause), fix };
}

async function* syncAll(
  transport: Pick<Transport, 'registry' | 'principal'>,
  kind: RegistryKind,
  folder: string,
  names: readonly Buffer[],
): AsyncGenerator<Synced> {
  const files = new Map<string, string>();
  for (const bytes of names.toSorted(Buffer.compare)) {
    const file = bytes.toString();
    if (file.startsWith('.')) continue;
    const path = join(folder, file);
    const name = nameOf(kind, path);
    const before = files.get(name);
    files.set(name, before ?? file);
    const refusal = isUtf8(bytes) ? secondOf(name, before) : NO_TEXT;
    yield refusal === null ? await syncOne(transport, kind, path) : { kind, path, how: 'refused', refusals: [refusal] };
  }
}

const NO_TEXT: Refusal = { code: 'KEY_INVALID', path: 'name', problem: 'the name is no UTF-8', fix: 'Rename it.' };

/** `x.yaml` and `x.json` are one set of values: each of them would take the place of the other whenever both are registered. */
function secondOf(name: string, before: string | undefined): Refusal | null {
  if (before === undefined) return null;
  const problem = `${JSON.stringify(before)} is there for ${JSON.stringify(name)} already`;
  return { code: 'KEY_INVALID', path: 'name', problem, fix: 'Keep one of the two, or rename one.' };
}

async function syncOne(
  transport: Pick<Transport, 'registry' | 'principal'>,
  kind: RegistryKind,
  path: string,
): Promise<Synced> {
  try {
    const { entry, how } = await register(transport, kind, path);
    return { kind, path, how, name: entry.name, sha256: entry.sha256 };
  } catch (error) {
    if (!(error instanceof WaybillError) || error.retryable || error.code === 'ACCESS_DENIED') throw error;
    const { code, path: at, problem, fix } = error;
    const refusals = error instanceof SpecRefused ? error.refusals : [{ code, path: at, problem, fix }];
    return { kind, path, how: 'refused', refusals };
  }
}
