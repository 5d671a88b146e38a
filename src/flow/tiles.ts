/** The tiles of the log: what the ledger holds of its tree and entries, in files that are written once. */
import {
  concatBytes,
  encodeEntries,
  leafHash,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileRef,
  TreeBuilder,
  tilePath,
  tilesBetween,
} from '@waybill/verify';
import type { LogHeadRow } from '#core/record-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { bytesOf, readLedger } from '#flow/log.ts';

/** Tiles are written whole: a partial one is a new file that begins with what the partial one before it held. */
export async function writeTiles(deps: FlowDeps, head: LogHeadRow, lines: string[]): Promise<void> {
  const fresh = new Map<number, Uint8Array[]>();
  const tree = TreeBuilder.from(head.published);
  for (const line of lines) {
    tree.append(leafHash(line), (level, _index, hash) => {
      if (level % TILE_HEIGHT !== 0) return;
      const hashes = fresh.get(level / TILE_HEIGHT) ?? [];
      hashes.push(hash);
      fresh.set(level / TILE_HEIGHT, hashes);
    });
  }
  const entries = lines.map(bytesOf);
  for (const tile of tilesBetween(head.published.size, head.tree.size)) {
    const before = await knownPart(deps, tile, head.published.size);
    if (tile.level === 'entries') {
      const taken = entries.splice(0, tile.width - before.count);
      await deps.ledger.put(tilePath(tile), concatBytes([before.bytes, encodeEntries(taken)]));
    } else {
      const taken = (fresh.get(tile.level) ?? []).splice(0, tile.width - before.count);
      await deps.ledger.put(tilePath(tile), concatBytes([before.bytes, ...taken]));
    }
  }
}

/**
 * How many entries the ledger holds, which is at least `size`. Tiles are written before their tree is signed: no
 * witness and nobody else can have seen a head of more than these, even where the checkpoint itself was never anchored.
 */
export async function entriesWritten(deps: FlowDeps, size: number): Promise<number> {
  let written = size;
  for (let index = Math.floor(size / TILE_WIDTH); ; index += 1) {
    const whole = tilePath({ level: 'entries', index, width: TILE_WIDTH });
    if ((await deps.ledger.get(whole)) !== null) {
      written = (index + 1) * TILE_WIDTH;
      continue;
    }
    const folder = `${whole}.p/`;
    const widths = await deps.ledger.list(folder, { limit: TILE_WIDTH });
    const widest = Math.max(0, ...widths.map((name) => Number(name.slice(folder.length))));
    return Math.max(written, index * TILE_WIDTH + widest);
  }
}

/** What of a tile the ledger had at `size`, and how many hashes or entries that is. */
async function knownPart(deps: FlowDeps, tile: TileRef, size: number): Promise<{ bytes: Uint8Array; count: number }> {
  const level = tile.level === 'entries' ? 0 : tile.level;
  const count = Math.min(tile.width, Math.max(0, Math.floor(size / TILE_WIDTH ** level) - tile.index * TILE_WIDTH));
  if (count === 0) return { bytes: new Uint8Array(0), count };
  return { bytes: await readLedger(deps, tilePath({ ...tile, width: count })), count };
}
