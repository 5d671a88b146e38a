/**
 * Before anything is signed: what the store says of the log must be what the ledger holds. A store that is an old copy
 * would sign another history over the same sizes; a ledger that lost or changed something could not prove what was
 * published.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  decodeEntries,
  EvidenceError,
  equalBytes,
  leafHash,
  TILE_WIDTH,
  TreeBuilder,
  type TreeState,
  tilePath,
} from '@waybill/verify';
import { hexOf } from '#core/evidence.ts';
import type { LogHeadRow } from '#core/record-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { checkpointKey, entryLines, hashReader, inconsistent, readHead, readLedger } from '#flow/log.ts';
import { readCheckpoint, requireCheckpoint } from '#flow/publish.ts';
import { entriesWritten } from '#flow/tiles.ts';

const RECOVER = 'The ledger is right. Stop the engine and run `waybill recover`, which makes the store again from it.';
/** Path of the errors that say that the ledger is right and the store is not. */
export const OUTDATED_STORE = 'run store';

function outdated(problem: string): TerminalError {
  return new TerminalError({ code: 'LEDGER_INCONSISTENT', path: OUTDATED_STORE, problem, fix: RECOVER });
}

/** Throws TerminalError LEDGER_INCONSISTENT; nothing may be signed or entered then. */
export async function checkLedger(deps: FlowDeps): Promise<void> {
  const newest = await deps.ledger.newestCheckpoint();
  const head = await readHead(deps);
  const { published, tree } = head;
  const anchored = newest === null ? null : await readCheckpoint(deps, newest);
  const anchoredSize = anchored?.size ?? 0;
  if (anchoredSize < published.size) {
    throw inconsistent(`the ledger ends at ${anchoredSize}, the store says that ${published.size} were published`);
  }
  if (anchoredSize > tree.size) {
    throw outdated(`the ledger is at ${anchoredSize}, the store only at ${tree.size}: it is an old copy, or new`);
  }
  const written = await entriesWritten(deps, anchoredSize);
  if (written > tree.size) {
    throw outdated(`the ledger holds ${written} entries, the store only ${tree.size}: it is an old copy, or new`);
  }
  if (anchored) await requireRoot(deps, head, anchored);
  if (published.size > 0) {
    await requireCheckpoint(deps, await readLedger(deps, checkpointKey(published.size)), published);
    await requireTiles(deps, published);
  }
}

/** The anchored tree lies between what was published and the head: the entries in between are still in the store. */
async function requireRoot(
  deps: FlowDeps,
  { published, tree }: LogHeadRow,
  anchored: { size: number; root: Uint8Array },
): Promise<void> {
  const grown = TreeBuilder.from(published);
  let root = grown.size === anchored.size ? grown.root() : null;
  const lines = await entryLines(deps, published.size, tree.size);
  if (lines === null) throw outdated('it has lost entries of the log');
  for (const line of lines) {
    grown.append(leafHash(line));
    if (grown.size === anchored.size) root = grown.root();
  }
  if (root === null || !equalBytes(root, anchored.root)) {
    throw outdated(`the ledger and the store differ at size ${anchored.size}`);
  }
  if (!equalBytes(grown.root(), TreeBuilder.from(tree).root())) {
    throw outdated('its entries of the log do not have the root of its head');
  }
}

/**
 * The right edge, from which everything new is made: the perfect subtrees by their tiles, and the last entries by their
 * leaves.
 */
export async function requireTiles(deps: FlowDeps, { size, frontier }: TreeState): Promise<void> {
  try {
    const read = hashReader(deps, size);
    let from = 0;
    for (const known of frontier) {
      const level = Math.floor(Math.log2(size - from));
      const hash = await read(level, from / 2 ** level);
      if (hexOf(hash) !== known) throw inconsistent(`a tile below entry ${from} was changed`);
      from += 2 ** level;
    }
    const tile = Math.floor((size - 1) / TILE_WIDTH);
    const first = tile * TILE_WIDTH;
    const bundle = await readLedger(deps, tilePath({ level: 'entries', index: tile, width: size - first }));
    const entries = decodeEntries(bundle);
    if (entries.length !== size - first) throw inconsistent('the last entry bundle has a wrong length');
    for (const [n, entry] of entries.entries()) {
      if (!equalBytes(leafHash(entry), await read(0, first + n))) throw inconsistent(`entry ${first + n} was changed`);
    }
  } catch (error) {
    if (error instanceof EvidenceError) throw inconsistent(`a tile cannot be read: ${error.message}`);
    throw error;
  }
}
