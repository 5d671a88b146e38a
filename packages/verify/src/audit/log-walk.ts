/** Reads a log from its tiles, entry by entry, and computes every hash of it again: memory O(log n). */
import { concatBytes, equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { leafHash, TreeBuilder } from '../log/merkle.ts';
import { type LedgerSource, readTile, shortHash } from '../log/tile-source.ts';
import { decodeEntries, TILE_HEIGHT, TILE_WIDTH, type TileRef, tilePath } from '../log/tiles.ts';
import type { LogFindings } from './log-finding.ts';

export interface LogVisitor {
  entry(index: number, bytes: Uint8Array): Promise<void> | void;
}

/** Roots to compare on the way: the tree of the first `size` entries has to have this one. */
export interface ExpectedRoot {
  size: number;
  root: Uint8Array;
  /** Called when it has another. */
  differs(found: Uint8Array): void;
}

/** Resolves with how many entries could be read; fewer than `size` mean that a finding says why. */
export async function walkLog(
  source: LedgerSource,
  size: number,
  expected: readonly ExpectedRoot[],
  visitor: LogVisitor,
  findings: LogFindings,
): Promise<number> {
  const hashes = new HashTiles(source, size, findings);
  const due = [...expected].sort((a, b) => a.size - b.size);
  const tree = new TreeBuilder();
  const compareRoots = (): void => {
    for (let next = due[0]; next !== undefined && next.size <= tree.size; next = due[0]) {
      due.shift();
      if (next.size === tree.size && !equalBytes(tree.root(), next.root)) next.differs(tree.root());
    }
  };
  compareRoots();
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const entries = await readEntries(source, { level: 'entries', index, width }, findings);
    if (entries === undefined) return tree.size;
    for (const entry of entries) {
      const place = tree.size;
      tree.append(leafHash(entry), hashes.sink);
      await visitor.entry(place, entry);
      compareRoots();
    }
    await hashes.compare();
  }
  await hashes.finish();
  return tree.size;
}

async function readEntries(
  source: LedgerSource,
  tile: TileRef,
  findings: LogFindings,
): Promise<Uint8Array[] | undefined> {
  const bytes = await readTile(source, tile);
  if (bytes === null) {
    findings.add('TILE_MISSING', `${tilePath(tile)} is not there`, { index: tile.index * TILE_WIDTH });
    return undefined;
  }
  try {
    const entries = decodeEntries(bytes);
    if (entries.length === tile.width) return entries;
    findings.add('TILE_MISMATCH', `${tilePath(tile)} holds ${entries.length} entries`);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    findings.add('TILE_MISMATCH', `${tilePath(tile)}: ${error.message}`);
  }
  return undefined;
}

/** Collects the hashes that the tiles of a log have to hold, and compares each tile once it is complete. */
class HashTiles {
  readonly #source: LedgerSource;
  readonly #size: number;
  readonly #findings: LogFindings;
  /** Of each level the tile that is being filled. */
  readonly #open: Uint8Array[][] = [];
  readonly #filled: number[] = [];
  #complete: { tile: TileRef; hashes: Uint8Array[] }[] = [];

  constructor(source: LedgerSource, size: number, findings: LogFindings) {
    this.#source = source;
    this.#size = size;
    this.#findings = findings;
  }

  readonly sink = (level: number, _index: number, hash: Uint8Array): void => {
    if (level % TILE_HEIGHT !== 0) return;
    const tileLevel = level / TILE_HEIGHT;
    const hashes = this.#open[tileLevel] ?? [];
    this.#open[tileLevel] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const index = this.#filled[tileLevel] ?? 0;
    this.#filled[tileLevel] = index + 1;
    this.#complete.push({ tile: { level: tileLevel, index, width: TILE_WIDTH }, hashes });
    this.#open[tileLevel] = [];
  };

  async compare(): Promise<void> {
    const batch = this.#complete;
    this.#complete = [];
    for (const { tile, hashes } of batch) await this.#compareTile(tile, hashes);
  }

  /** The tiles that stay partial at this size. */
  async finish(): Promise<void> {
    await this.compare();
    for (const [level, hashes] of this.#open.entries()) {
      if (hashes.length === 0) continue;
      await this.#compareTile({ level, index: this.#filled[level] ?? 0, width: hashes.length }, hashes);
    }
  }

  async #compareTile(tile: TileRef, hashes: readonly Uint8Array[]): Promise<void> {
    const bytes = await readTile(this.#source, tile);
    const name = `${tilePath(tile)} of the log of ${this.#size}`;
    if (bytes === null) this.#findings.add('TILE_MISSING', `${name} is not there`);
    else if (!equalBytes(bytes, concatBytes(hashes))) {
      const wrong = hashes.findIndex((hash, n) => !equalBytes(hash, bytes.subarray(n * 32, n * 32 + 32)));
      const right = shortHash(hashes[Math.max(0, wrong)] as Uint8Array);
      this.#findings.add('TILE_MISMATCH', `${name} differs from its entries at hash ${wrong}, which is ${right}…`);
    }
  }
}
