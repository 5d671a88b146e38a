/**
 * Tar files whose bytes depend on names, modes and contents alone: no owner, no time, entries sorted by name. Format ustar, which
 * every tar reads.
 */
import { TerminalError } from './errors.ts';

export interface TarEntry {
  /** Relative, with `/` between parts. */
  path: string;
  kind: 'file' | 'executable' | 'link';
  /** Of a link: where it leads, as text. */
  bytes: Uint8Array;
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Throws TerminalError SPEC_LIMIT for a path that ustar cannot hold. */
export function tarOf(entries: readonly TarEntry[]): Uint8Array[] {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const chunks: Uint8Array[] = [];
  for (const entry of sorted) {
    const size = entry.kind === 'link' ? 0 : entry.bytes.byteLength;
    chunks.push(headerOf(entry, size));
    if (size === 0) continue;
    chunks.push(entry.bytes, new Uint8Array((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES));
  }
  chunks.push(new Uint8Array(2 * BLOCK_BYTES));
  return chunks;
}

function headerOf({ path, kind, bytes }: TarEntry, size: number): Uint8Array {
  const header = new Uint8Array(BLOCK_BYTES);
  const write = (at: number, text: string): void => header.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  const { prefix, name } = splitName(path);
  write(0, name);
  write(100, octal(kind === 'file' ? 0o644 : 0o755, 7));
  write(108, octal(0, 7));
  write(116, octal(0, 7));
  write(124, octal(size, 11));
  write(136, octal(0, 11));
  write(148, ' '.repeat(8));
  write(156, kind === 'link' ? '2' : '0');
  if (kind === 'link') {
    if (bytes.byteLength > NAME_BYTES) throw tooLong(path, 'leads to a path that is too long for a tar file');
    header.set(bytes, 157);
  }
  write(257, 'ustar\u000000');
  write(345, prefix);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return header;
}

function splitName(path: string): { prefix: string; name: string } {
  const length = (text: string): number => new TextEncoder().encode(text).byteLength;
  if (length(path) <= NAME_BYTES) return { prefix: '', name: path };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (length(prefix) <= PREFIX_BYTES && length(name) <= NAME_BYTES && name !== '') return { prefix, name };
  }
  throw tooLong(path, 'is too long for a tar file');
}

function tooLong(path: string, problem: string): TerminalError {
  return new TerminalError({ code: 'SPEC_LIMIT', path, problem: `the path ${problem}`, fix: 'Use shorter names.' });
}
