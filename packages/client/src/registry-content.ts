/** The bytes of what is registered: kept once, and handed out checked. */
import { digestOf } from '@waybill/verify';
import { TerminalError } from './errors.ts';
import { REGISTRY_LIMITS } from './limits.ts';
import { readTar } from './read-tar.ts';
import { contentKey, type RegistryEntry, type RegistryObjects } from './registry-entry.ts';
import { bounded, quote } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import type { TarEntry } from './tar.ts';
import { readValueSet } from './value-set.ts';

/** What of a registration says which bytes it is about. */
export type Named = Pick<RegistryEntry, 'kind' | 'name' | 'sha256' | 'sizeBytes'>;

const FAULTS: ReadonlySet<string> = new Set(['OBJECT_MISSING', 'OBJECT_DIGEST_MISMATCH']);

/** Room for folders that are packed: a header and padding for each file. */
const MAX_CONTENT_BYTES = REGISTRY_LIMITS.folderBytes + 1024 * REGISTRY_LIMITS.files + 1024;

/** False: they were there. Throws TerminalError OBJECT_DIGEST_MISMATCH where others are. */
export async function keepContent(registry: RegistryObjects, named: Named, bytes: Uint8Array): Promise<boolean> {
  const key = contentKey(named.sha256);
  if ((await registry.sizeOf(key)) === null && (await registry.putOnce(key, bytes))) return true;
  // Whoever came first may have put others there.
  await contentOf(registry, named);
  return false;
}

/** What is wrong with them, which are read whole: OBJECT_MISSING, OBJECT_DIGEST_MISMATCH. Null for nothing. */
export async function contentFault(registry: RegistryObjects, named: Named): Promise<TerminalError | null> {
  try {
    await contentOf(registry, named);
    return null;
  } catch (error) {
    const isFault = error instanceof TerminalError && FAULTS.has(error.code);
    if (isFault) return error;
    throw error;
  }
}

/** Throws TerminalError OBJECT_MISSING, OBJECT_DIGEST_MISMATCH. */
export async function contentOf(registry: RegistryObjects, named: Named): Promise<Uint8Array> {
  const bytes = await registry.get(contentKey(named.sha256), MAX_CONTENT_BYTES).catch((cause: unknown) => {
    throw cause instanceof TerminalError && cause.code === 'OBJECT_TOO_LARGE' ? damaged(named) : cause;
  });
  if (bytes === null) throw lost(named);
  if (digestOf(bytes) !== named.sha256) throw damaged(named);
  return bytes;
}

/** The files of a folder. Throws what `contentOf` and `readTar` throw. */
export async function folderOf(registry: RegistryObjects, named: Named): Promise<TarEntry[]> {
  return readTar(await contentOf(registry, named));
}

/** Throws what `contentOf` throws, and SpecRefused. */
export async function valuesOf(registry: RegistryObjects, named: Named): Promise<Record<string, string>> {
  const read = readValueSet(await contentOf(registry, named));
  if (read.ok) return read.values;
  throw new SpecRefused(bounded(read.refusals));
}

function lost({ kind, name, sha256 }: Named): TerminalError {
  const problem = `the bytes of ${kind} ${quote(name)} are lost: nothing stands under ${sha256}`;
  const fix = `Register the same bytes again, which puts them back: \`waybill register ${kind} <path> --name ${name}\`.`;
  return new TerminalError({ code: 'OBJECT_MISSING', path: `${kind}/${name}`, problem, fix });
}

function damaged({ kind, name, sha256 }: Named): TerminalError {
  const problem = `the bytes of ${kind} ${quote(name)} are damaged: others stand under ${sha256}`;
  const fix = `Nothing there is written over: restore \`${contentKey(sha256)}\` of the registry, or register it with something changed.`;
  return new TerminalError({ code: 'OBJECT_DIGEST_MISMATCH', path: `${kind}/${name}`, problem, fix });
}
