/**
 * Where a log keeps its hashes and entries (C2SP tlog-tiles): tile N at level L holds up to 256 hashes of the tree's
 * level 8·L; a partial tile of width W is a file of its own, so that every file is written once.
 */
import { concatBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { nodeHash } from './merkle.ts';
import type { ReadHash } from './merkle-proof.ts';

export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;
const HASH_BYTES = 32;
const MAX_ENTRY_BYTES = 65_535;

export interface TileRef {
  /** 0 to 5, or `entries` for the bundle of raw entries that belongs to a level 0 tile. */
  level: number | 'entries';
  index: number;
  /** Hashes or entries in the tile: 1 to 256. */
  width: number;
}

/** `tile/0/x001/067`, `tile/entries/000.p/44`. */
export function tilePath({ level, index, width }: TileRef): string {
  if (!Number.isSafeInteger(index) || index < 0 || !Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new EvidenceError('TILE', 'no such tile');
  }
  const groups: string[] = [];
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** The tile that holds node `index` at tree level 8·`level` when the log has `size` leaves; undefined when none does. */
export function tileOf(level: number, index: number, size: number): TileRef | undefined {
  const nodes = Math.floor(size / 2 ** (TILE_HEIGHT * level));
  if (index >= nodes) return undefined;
  const tile = Math.floor(index / TILE_WIDTH);
  return { level, index: tile, width: Math.min(TILE_WIDTH, nodes - tile * TILE_WIDTH) };
}

/**
 * Every tile, entry bundles included, that a log needs once it has grown from `oldSize` to `newSize`. An entry bundle
 * comes before the hashes of its entries: a writer that dies in between leaves no hash whose entry nobody has.
 */
export function tilesBetween(oldSize: number, newSize: number): TileRef[] {
  const tiles: TileRef[] = [];
  for (let level = 0; ; level++) {
    const before = Math.floor(oldSize / 2 ** (TILE_HEIGHT * level));
    const after = Math.floor(newSize / 2 ** (TILE_HEIGHT * level));
    if (after === 0) return tiles;
    for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < after; index++) {
      const width = Math.min(TILE_WIDTH, after - index * TILE_WIDTH);
      if (index * TILE_WIDTH + width === before) continue;
      if (level === 0) tiles.push({ level: 'entries', index, width });
      tiles.push({ level, index, width });
    }
  }
}

/** Reads any perfect subtree of a log of `size` leaves from its tiles, hashing up inside a tile where it must. */
export function tileHashReader(size: number, readTile: (tile: TileRef) => Promise<Uint8Array>): ReadHash {
  return async (level, index) => {
    const inTile = level % TILE_HEIGHT;
    const count = 2 ** inTile;
    const first = index * count;
    const tile = tileOf((level - inTile) / TILE_HEIGHT, first + count - 1, size);
    if (tile === undefined) throw new EvidenceError('TILE', `a log of ${size} has no node ${index} at level ${level}`);
    const bytes = await readTile(tile);
    if (bytes.length !== tile.width * HASH_BYTES)
      throw new EvidenceError('TILE', `${tilePath(tile)} has a wrong length`);
    const offset = (first % TILE_WIDTH) * HASH_BYTES;
    return perfectRoot(bytes.subarray(offset, offset + count * HASH_BYTES));
  };
}

function perfectRoot(hashes: Uint8Array): Uint8Array {
  if (hashes.length === HASH_BYTES) return hashes;
  const middle = hashes.length / 2;
  return nodeHash(perfectRoot(hashes.subarray(0, middle)), perfectRoot(hashes.subarray(middle)));
}

/** An entry bundle: each entry after its length as a big-endian uint16. */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) throw new EvidenceError('TILE', 'a log entry is longer than 65,535 bytes');
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );
}

export function decodeEntries(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let offset = 0; offset < bundle.length; ) {
    const start = offset + 2;
    const end = start + (((bundle[offset] as number) << 8) | (bundle[offset + 1] ?? 0));
    if (end > bundle.length || start > bundle.length) throw new EvidenceError('TILE', 'an entry bundle is cut short');
    entries.push(bundle.subarray(start, end));
    offset = end;
  }
  return entries;
}
