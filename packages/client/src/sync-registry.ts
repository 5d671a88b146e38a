/** Registers everything below a folder: `packs/<name>/`, `capabilities/<name>/` and `values/<name>.yaml`. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { type Refusal, TerminalError, WaybillError } from './errors.ts';
import { type Registered, register } from './registry.ts';
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
 * Tells of each as it is done; one that is refused hides no other. Names that begin with a dot are passed over. Throws TerminalError
 * FILE_UNREADABLE where none of the three folders is, and RetryableError when the store cannot be reached.
 */
export async function* syncRegistry(
  transport: Pick<Transport, 'registry' | 'principal'>,
  folder: string,
): AsyncGenerator<Synced> {
  let isThere = false;
  for (const [below, kind] of FOLDERS) {
    const names = await readdir(join(folder, below)).catch(() => null);
    if (names === null) continue;
    isThere = true;
    for (const name of names.filter((one) => !one.startsWith('.')).toSorted()) {
      yield await syncOne(transport, kind, join(folder, below, name));
    }
  }
  if (isThere) return;
  const problem = 'there is no folder `packs`, `capabilities` or `values` in it';
  const fix = 'Name the folder that holds them; `waybill register` takes a single one.';
  throw new TerminalError({ code: 'FILE_UNREADABLE', path: folder, problem, fix });
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
    return { kind, path, how: 'refused', refusals: error instanceof SpecRefused ? error.refusals : [error] };
  }
}
