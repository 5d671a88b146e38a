/** The files of a folder as the pack that they are. Pure. */
import type { Digest } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { PACK_LIMITS } from './limits.ts';
import type { ReadPack } from './pack.ts';
import { PACK_FIX, readPack } from './pack-shape.ts';
import { bounded } from './spec-issue.ts';
import type { TarEntry } from './tar.ts';

/** @param digest of the folder as one file */
export function packOf(entries: readonly TarEntry[], digest: Digest): ReadPack {
  const sizeBytes = entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const { files, folderBytes } = PACK_LIMITS;
  if (entries.length > files || sizeBytes > folderBytes) {
    const problem = `it has more than ${files} files or ${folderBytes} bytes`;
    return refusedPack('SPEC_LIMIT', problem, 'Use fewer and smaller files.');
  }
  const links = entries.filter(({ kind }) => kind === 'link');
  const read = readPack(new Map(entries.map(({ path, bytes }) => [path, bytes])), digest);
  if (links.length === 0) return read;
  const odd = links.map(({ path }): Refusal => {
    const problem = `${JSON.stringify(path)} is a link`;
    return { code: 'SOURCE_INVALID', path: 'pack', problem, fix: 'Copy what it leads to.' };
  });
  return { ok: false, refusals: bounded([...odd, ...(read.ok ? [] : read.refusals)]) };
}

export function refusedPack(code: Refusal['code'], problem: string, fix: string = PACK_FIX): ReadPack {
  return { ok: false, refusals: [{ code, path: 'pack', problem, fix }] };
}
