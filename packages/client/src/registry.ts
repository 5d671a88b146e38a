/** Registering folders and sets of values, and reading what a name means. Everything is checked here: the store only keeps bytes. */
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { digestOf } from '@waybill/verify';
import { builtInPacks } from './built-in-packs.ts';
import { capabilityProblems } from './capability-overlay.ts';
import { RetryableError, TerminalError, WaybillError } from './errors.ts';
import { archiveFolder, type FolderArchive, kindOfFile } from './folder-archive.ts';
import { packOf } from './pack-folder.ts';
import { contentFault, keepContent } from './registry-content.ts';
import {
  entryBytes,
  entryKey,
  MAX_ENTRY_BYTES,
  newestKeys,
  type RegistryEntry,
  type RegistryKind,
  type RegistryObjects,
  readEntry,
} from './registry-entry.ts';
import { name as nameSchema } from './spec-fields.ts';
import { bounded } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import type { Transport } from './transport.ts';
import { readValueSet } from './value-set.ts';

export { contentFault, folderOf, valuesOf } from './registry-content.ts';
export { REGISTRY_KINDS, type RegistryEntry, type RegistryKind } from './registry-entry.ts';

export type Registered = 'new' | 'changed' | 'same' | 'restored';

export interface Registration {
  entry: RegistryEntry;
  /** `same`: the name meant these bytes already, and nothing was written. `restored`: it did, they were lost, and are back. */
  how: Registered;
}

const MAX_RACES = 20;

/**
 * Registers what stands at `path`: a folder, or for values a file. Its name is that of the folder or file unless given. Throws
 * SpecRefused with everything that is wrong with it, TerminalError KEY_INVALID for a name, FILE_UNREADABLE, and OBJECT_DIGEST_MISMATCH
 * where others stand in the place of its bytes.
 */
export async function register(
  transport: Pick<Transport, 'registry' | 'principal'>,
  kind: RegistryKind,
  path: string,
  named?: string,
): Promise<Registration> {
  const name = checkedName(named ?? nameOf(kind, path), named === undefined ? RENAME : '');
  if (kind === 'pack' && (await builtInPacks()).includes(name)) throw taken(name);
  const { bytes, files, says } = await contentAt(kind, path);
  if (named === undefined && says !== undefined && says !== name) throw unlike(name, says);
  const sha256 = digestOf(bytes);
  const sizeBytes = bytes.byteLength;
  const { registry, principal: by } = transport;
  for (let race = 0; race < MAX_RACES; race++) {
    const before = await newestOf(registry, kind, name);
    const isKeptAnew = await keepContent(registry, { kind, name, sha256, sizeBytes }, bytes);
    if (before?.sha256 === sha256) return { entry: before, how: isKeptAnew ? 'restored' : 'same' };
    const number = (before?.number ?? 0) + 1;
    const registeredAt = new Date().toISOString();
    const entry: RegistryEntry = { v: 1, kind, name, number, sha256, sizeBytes, files, registeredAt, by };
    // Somebody else may have registered the name meanwhile: then it is looked at anew.
    if (await registry.putOnce(entryKey(entry), entryBytes(entry)))
      return { entry, how: before === null ? 'new' : 'changed' };
  }
  const problem = 'others register this name all the time';
  throw new RetryableError({ code: 'STORE_BUSY', path: `${kind}/${name}`, problem, fix: 'Try again in a minute.' });
}

/** Under which a folder or a file is registered, unless another one is given. */
export function nameOf(kind: RegistryKind, path: string): string {
  return basename(resolve(path)).replace(kind === 'values' ? /\.(?:ya?ml|json)$/ : '', '');
}

const RENAME = 'Rename it, or register it by itself with another name (waybill register, --name). ';

function checkedName(text: string, fix: string): string {
  const read = nameSchema.safeParse(text);
  if (read.success) return read.data;
  const problem = `${JSON.stringify(text)} is not a name`;
  const rule = 'Names have lower-case letters, digits, `.`, `_` and `-`, at most 63 characters.';
  throw new TerminalError({ code: 'KEY_INVALID', path: 'name', problem, fix: `${fix}${rule}` });
}

/** Whoever says the name means the one that comes with the client, and would never find this one. */
function taken(name: string): TerminalError {
  const problem = `the pack ${JSON.stringify(name)} comes with waybill, and would always be found instead`;
  return new TerminalError({ code: 'KEY_INVALID', path: 'name', problem, fix: RENAME.trim() });
}

/** Items say one of the two, and whoever looks into the folder finds the other. */
function unlike(name: string, says: string): TerminalError {
  const problem = `the folder is called ${JSON.stringify(name)}, and its pack.yaml says ${JSON.stringify(says)}`;
  const fix = `Rename one of them, or say which name items are to use: \`waybill register pack <path> --name ${says}\`.`;
  return new TerminalError({ code: 'KEY_INVALID', path: 'name', problem, fix });
}

interface Content {
  bytes: Uint8Array;
  files: number;
  /** The name that a pack gives itself. */
  says?: string;
}

async function contentAt(kind: RegistryKind, path: string): Promise<Content> {
  try {
    return await readContent(kind, path);
  } catch (cause) {
    const { code, path: at = path } = cause as NodeJS.ErrnoException;
    if (code === undefined || cause instanceof WaybillError) throw cause;
    const fix = 'See that it is still there, and that this user may read all of it.';
    throw new TerminalError(
      { code: 'FILE_UNREADABLE', path: at, problem: `it cannot be read (${code})`, fix },
      { cause },
    );
  }
}

async function readContent(kind: RegistryKind, path: string): Promise<Content> {
  const found = await kindOfFile(path);
  const wanted = kind === 'values' ? 'file' : 'folder';
  if (found !== wanted) {
    const problem = found === null ? 'there is nothing' : `it is no ${wanted}`;
    const fix = `Name the ${wanted} that is to be registered as ${kind}.`;
    throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix });
  }
  if (kind === 'values') return valuesAt(path);
  const archive = await archiveFolder(path);
  const content = { bytes: archive.bytes, files: archive.entries.length };
  if (kind === 'pack') return { ...content, says: nameOfPack(archive) };
  const problems = capabilityProblems(archive.entries);
  if (problems.length > 0) throw new SpecRefused(bounded(problems));
  return content;
}

/** Throws SpecRefused with everything that is wrong with the pack. */
function nameOfPack({ bytes, entries }: FolderArchive): string {
  const read = packOf(entries, digestOf(bytes));
  if (read.ok) return read.pack.name;
  throw new SpecRefused(bounded(read.refusals));
}

async function valuesAt(path: string): Promise<{ bytes: Uint8Array; files: number }> {
  const read = readValueSet(await readFile(path));
  if (!read.ok) throw new SpecRefused(bounded(read.refusals));
  return { bytes: read.bytes, files: 1 };
}

/** What the name means now, or null. */
export async function newestOf(
  registry: RegistryObjects,
  kind: RegistryKind,
  name: string,
): Promise<RegistryEntry | null> {
  const [key] = newestKeys(await registry.list(`${kind}/${name}/`));
  return key === undefined ? null : entryAt(registry, key);
}

/** All that the name has meant, oldest first. Throws TerminalError KEY_INVALID for what nothing can be registered as. */
export async function historyOf(registry: RegistryObjects, kind: RegistryKind, name: string): Promise<RegistryEntry[]> {
  const checked = checkedName(name, '`waybill registry list` shows those that are registered. ');
  const keys = (await registry.list(`${kind}/${checked}/`)).toSorted();
  return Promise.all(keys.map((key) => entryAt(registry, key)));
}

/** What every name of a kind means now, by name. One entry that is damaged, or whose bytes are lost, does not hide the others. */
export async function listRegistered(
  registry: RegistryObjects,
  kind: RegistryKind,
): Promise<{ entries: RegistryEntry[]; damaged: TerminalError[] }> {
  const entries: RegistryEntry[] = [];
  const damaged: TerminalError[] = [];
  for (const key of newestKeys(await registry.list(`${kind}/`))) {
    try {
      const entry = await entryAt(registry, key);
      const fault = await contentFault(registry, entry);
      if (fault === null) entries.push(entry);
      else damaged.push(fault);
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      damaged.push(error);
    }
  }
  return { entries, damaged };
}

async function entryAt(registry: RegistryObjects, key: string): Promise<RegistryEntry> {
  const bytes = await registry.get(key, MAX_ENTRY_BYTES);
  return readEntry(key, bytes ?? new Uint8Array());
}
