/** Where a ledger is read from: a directory, a web server, anything that answers a name with bytes. */
import { hexOf } from '../crypto/bytes.ts';
import { nodeHash } from './merkle.ts';
import type { ReadHash } from './merkle-proof.ts';
import { TILE_WIDTH, type TileRef, tilePath } from './tiles.ts';

export interface LedgerSource {
  /** The object under a name, or null when there is none. Throws Unreachable when the source cannot be asked. */
  read(name: string): Promise<Uint8Array | null>;
  /** Its bytes in chunks, for what nobody wants in memory. */
  open(name: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** The names right below a folder, sorted; null where the source cannot list. */
  list(folder: string): Promise<string[] | null>;
}

/** The source could not be asked: nothing is known. */
export class LedgerUnreachable extends Error {
  override readonly name = 'LedgerUnreachable';
}

const HASH_BYTES = 32;

/** `checkpoints/<20 digits>` */
export function checkpointName(size: number): string {
  return `checkpoints/${String(size).padStart(20, '0')}`;
}

/** A tile of hashes or entries; a partial one may have been dropped when the whole one was there. */
export async function readTile(source: LedgerSource, tile: TileRef): Promise<Uint8Array | null> {
  const bytes = await source.read(tilePath(tile));
  if (bytes !== null || tile.width === TILE_WIDTH || tile.level === 'entries') return bytes;
  const whole = await source.read(tilePath({ ...tile, width: TILE_WIDTH }));
  return whole === null ? null : whole.subarray(0, tile.width * HASH_BYTES);
}

/** The root of the first `size` leaves, put together from stored hashes: O(log n) of them. */
export async function rootAt(size: number, readHash: ReadHash): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < size; ) {
    const level = Math.floor(Math.log2(size - start));
    parts.push(await readHash(level, start / 2 ** level));
    start += 2 ** level;
  }
  return parts.reduceRight((right, left) => nodeHash(left, right));
}

/** For messages. */
export function shortHash(hash: Uint8Array): string {
  return hexOf(hash).slice(0, 16);
}
