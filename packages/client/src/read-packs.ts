/** Finds the packs that a document names: those that come with the client, and folders beside the document. */
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { digestOf } from '@waybill/verify';
import { BUILT_IN, builtInPacks } from './built-in-packs.ts';
import { type Refusal, TerminalError } from './errors.ts';
import { archiveFolder, folderProblem } from './folder-archive.ts';
import { PACK_LIMITS } from './limits.ts';
import type { ReadPack } from './pack.ts';
import { packOf, refusedPack } from './pack-folder.ts';
import { folderOf, newestOf } from './registry.ts';
import type { RegistryObjects } from './registry-entry.ts';
import { relativePathProblem } from './relative-path.ts';
import { SpecRefused } from './spec-refused.ts';
import { splitUse, type UsedPacks } from './use-shape.ts';

/** Opened when a name is neither ours nor a folder. */
export type OpenRegistry = () => Promise<RegistryObjects>;

/** @param baseDir of the document; folders are below it */
export async function readUsedPacks(document: unknown, baseDir: string, registry?: OpenRegistry): Promise<UsedPacks> {
  const packs = new Map<string, ReadPack>();
  const names = namedIn(document);
  const known = names.size === 0 ? [] : await builtInPacks();
  for (const name of [...names].slice(0, PACK_LIMITS.packs)) {
    const found =
      (await findPack(name, baseDir, known)) ?? (registry && (await registeredPack(name, registry))) ?? null;
    if (found !== null) packs.set(name, found.ok ? found : { ok: false, refusals: found.refusals.map(ofDocument) });
  }
  return packs;
}

/** Whoever names a pack in a document has not named a file at the command line: it is the document that is refused. */
function ofDocument(refusal: Refusal): Refusal {
  return refusal.code === 'FILE_UNREADABLE' ? { ...refusal, code: 'SOURCE_INVALID' } : refusal;
}

/** Null: nothing is called so. */
export async function findPack(name: string, baseDir: string, builtIn?: readonly string[]): Promise<ReadPack | null> {
  if (!name.startsWith('./')) {
    const known = builtIn ?? (await builtInPacks());
    return known.includes(name) ? readPackFolder(join(BUILT_IN, name)) : null;
  }
  const path = name.slice(2);
  if (relativePathProblem(path) !== null) return refusedPack('SOURCE_INVALID', 'its path does not stay below the spec');
  const base = await realpath(baseDir).catch(() => baseDir);
  const root = await realpath(join(base, path)).catch(() => null);
  if (root === null) return refusedPack('SOURCE_UNRESOLVED', 'there is no such folder below that of the spec');
  // A link may lead anywhere: whoever wrote the spec is not always whoever submits it.
  if (!root.startsWith(base.endsWith(sep) ? base : `${base}${sep}`))
    return refusedPack('SOURCE_INVALID', 'it leads out of the directory of the spec');
  return readPackFolder(root);
}

/** As it is registered now, or null. Nothing is registered under the name of one of ours. */
export async function registeredPack(name: string, open: OpenRegistry): Promise<ReadPack | null> {
  if (name.includes('/')) return null;
  try {
    const registry = await open();
    const entry = await newestOf(registry, 'pack', name);
    if (entry === null) return null;
    const read = packOf(await folderOf(registry, entry), entry.sha256);
    // Under this name it stands in specs, and in the record.
    return read.ok ? { ok: true, pack: { ...read.pack, name } } : read;
  } catch (error) {
    if (error instanceof TerminalError && error.code === 'FILE_UNREADABLE') {
      const problem = `it does not come with waybill, and nobody could look up what is registered: ${error.problem}`;
      return refusedPack('SPEC_UNKNOWN_REFERENCE', problem, error.fix);
    }
    if (error instanceof TerminalError && error.code.startsWith('OBJECT_'))
      return refusedPack(error.code, error.problem, error.fix);
    throw error;
  }
}

/** A folder anywhere, as somebody names it. */
export async function readPackFolder(root: string): Promise<ReadPack> {
  try {
    const { bytes, entries } = await archiveFolder(root);
    return packOf(entries, digestOf(bytes));
  } catch (error) {
    if (error instanceof SpecRefused) return { ok: false, refusals: [...error.refusals] };
    return refusedPack('FILE_UNREADABLE', folderProblem(error));
  }
}

/** Whatever stands at `uses`, at any depth: how deep a document may be nested has been bounded by its reader. */
function namedIn(value: unknown, names: Set<string> = new Set()): Set<string> {
  if (typeof value !== 'object' || value === null) return names;
  for (const [key, one] of Object.entries(value)) {
    const named = key === 'uses' && typeof one === 'string' ? splitUse(one) : null;
    if (named === null) namedIn(one, names);
    else names.add(named.pack);
  }
  return names;
}
