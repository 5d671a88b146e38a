/** Reads back what `tarOf` writes, and nothing else: whoever unpacks it meets no owner, no device and no path that leads elsewhere. */
import { TerminalError } from './errors.ts';
import { linkProblem, relativePathProblem } from './relative-path.ts';
import { type TarEntry, tarOf } from './tar.ts';

const BLOCK_BYTES = 512;

/** Throws TerminalError SOURCE_INVALID unless the bytes are exactly those that `tarOf` makes of safe entries. */
export function readTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  for (; bytes[at] !== undefined && bytes[at] !== 0; ) {
    const header = bytes.subarray(at, at + BLOCK_BYTES);
    const [prefix, name] = [textAt(header, 345, 155), textAt(header, 0, 100)];
    const size = Number.parseInt(textAt(header, 124, 12), 8);
    const isLink = header[156] === 0x32;
    const from = at + BLOCK_BYTES;
    if (!(size >= 0) || from + size > bytes.byteLength) throw broken();
    entries.push({
      path: prefix === '' ? name : `${prefix}/${name}`,
      kind: isLink ? 'link' : textAt(header, 100, 8).endsWith('755') ? 'executable' : 'file',
      bytes: isLink ? fieldAt(header, 157, 100) : bytes.subarray(from, from + size),
    });
    at = from + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  requireSafe(entries);
  if (!isSame(bytes, tarOf(entries))) throw broken();
  return entries;
}

function fieldAt(header: Uint8Array, from: number, length: number): Uint8Array {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

function textAt(header: Uint8Array, from: number, length: number): string {
  return new TextDecoder().decode(fieldAt(header, from, length));
}

function requireSafe(entries: readonly TarEntry[]): void {
  const paths = new Set<string>();
  for (const { path, kind, bytes } of entries) {
    const problem = relativePathProblem(path) ?? (kind === 'link' ? linkProblem(path, decoded(bytes)) : null);
    if (problem !== null || paths.has(path)) throw broken();
    paths.add(path);
  }
  // Nothing stands below a file or a link.
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (paths.has(path.slice(0, end))) throw broken();
    }
  }
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function isSame(bytes: Uint8Array, chunks: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const chunk of chunks) {
    if (at + chunk.byteLength > bytes.byteLength) return false;
    for (let n = 0; n < chunk.byteLength; n++) if (chunk[n] !== bytes[at + n]) return false;
    at += chunk.byteLength;
  }
  return at === bytes.byteLength;
}

function broken(): TerminalError {
  const problem = 'the bytes are no archive of a registered folder';
  const fix = 'Register the folder again; `waybill register` writes such an archive.';
  return new TerminalError({ code: 'SOURCE_INVALID', path: 'archive', problem, fix });
}
