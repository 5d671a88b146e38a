/**
 * The deployment log: one sequence of entries for all runs, published as tiles and signed checkpoints.
 *
 * An entry gets its index in one transaction with the head; then the tiles are written, the head is signed and the
 * checkpoint is published. A process that dies in between leaves a head that the next one publishes with the same
 * bytes, so two different trees of one size are never signed.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  decodeEntries,
  encodeEntries,
  equalBytes,
  formatCheckpoint,
  formatNote,
  formatTlogProof,
  inclusionProof,
  type LogEntry,
  leafHash,
  parseCanonical,
  parseCheckpoint,
  parseNote,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileRef,
  TreeBuilder,
  tileHashReader,
  tilePath,
  tilesBetween,
} from '@waybill/verify';
import { concatBytes } from '#core/bytes.ts';
import { ordinal } from '#core/ids.ts';
import { type Key, keys, type LogEntryRow, type LogHeadRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { required } from '#flow/items.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';

const EMPTY: LogHeadRow = { tree: { size: 0, frontier: [] }, runSeq: 0, published: { size: 0, frontier: [] } };

/** Appends an entry to the head, in the caller's transaction. `entry` is made with the next free run number. */
export async function appendEntry(draft: Draft, entry: (runSeq: number) => LogEntry): Promise<{ index: number }> {
  const head = (await draft.readOne<LogHeadRow>(keys.logHead())) ?? EMPTY;
  const made = entry(head.runSeq);
  const line = canonicalize(made);
  const tree = TreeBuilder.from(head.tree);
  tree.append(leafHash(line));
  const runSeq = made.type === 'run.opened' ? head.runSeq + 1 : head.runSeq;
  draft.put(keys.logHead(), { ...head, tree: tree.state(), runSeq } satisfies LogHeadRow);
  draft.create(keys.logEntry(head.tree.size), { line } satisfies LogEntryRow);
  return { index: head.tree.size };
}

/** Appends an entry that is about no run, in the caller's transaction. `entry` is made with the index that it gets. */
export async function appendNotice(draft: Draft, entry: (index: number) => Promise<LogEntry>): Promise<number> {
  const head = (await draft.readOne<LogHeadRow>(keys.logHead())) ?? EMPTY;
  const index = head.tree.size;
  const line = canonicalize(await entry(index));
  const tree = TreeBuilder.from(head.tree);
  tree.append(leafHash(line));
  draft.put(keys.logHead(), { ...head, tree: tree.state() } satisfies LogHeadRow);
  draft.create(keys.logEntry(index), { line } satisfies LogEntryRow);
  return index;
}

/**
 * Publishes everything up to the head and resolves with the size of the newest checkpoint. One call at a time in one
 * process; two processes write the same bytes or meet OBJECT_CONFLICT, never two trees.
 */
export async function publishLog(deps: FlowDeps): Promise<number> {
  const head = await readHead(deps);
  const { size } = head.tree;
  if (head.published.size === size) return size;
  await deps.store.durable();
  const lines = await entryLines(deps, head.published.size, size);
  await writeTiles(deps, head, lines);
  await deps.ledger.put(checkpointKey(size), bytesOf(await signHead(deps, head)));
  await decide(deps, async (draft) => {
    const now = required(await draft.readOne<LogHeadRow>(keys.logHead()), keys.logHead());
    if (now.published.size < size) draft.put(keys.logHead(), { ...now, published: head.tree } satisfies LogHeadRow);
  });
  for (let index = head.published.size; index < size; index += 1) await forget(deps, keys.logEntry(index));
  return size;
}

/**
 * Compares the stored head with the newest checkpoint in the ledger, before anything is signed. A ledger that is ahead
 * means that the store is an old copy: signing on would fork the log. Throws TerminalError LEDGER_INCONSISTENT.
 */
export async function checkLedger(deps: FlowDeps): Promise<void> {
  const newest = await deps.ledger.newestCheckpoint();
  const { tree, published } = await readHead(deps);
  const anchored = newest === null ? null : parseCheckpoint(parseNote(newest).text);
  if (anchored && anchored.origin !== deps.origin) {
    throw inconsistent(`the ledger is of ${anchored.origin}, the keys are of ${deps.origin}`);
  }
  const anchoredSize = anchored?.size ?? 0;
  if (anchoredSize < published.size)
    throw inconsistent(`the ledger ends at ${anchoredSize}, the store says ${published.size}`);
  if (anchoredSize > tree.size) throw inconsistent(`the ledger is at ${anchoredSize}, the store only at ${tree.size}`);
  const known = anchoredSize === tree.size ? tree : anchoredSize === published.size ? published : null;
  if (anchored && known && !equalBytes(anchored.root, TreeBuilder.from(known).root())) {
    throw inconsistent(`the ledger and the store differ at size ${anchoredSize}`);
  }
}

/** The tlog-proof of an entry, leading to the checkpoint of that size, which must be published. */
export async function proveEntry(deps: FlowDeps, index: number, size: number): Promise<string> {
  const checkpoint = await readLedger(deps, checkpointKey(size));
  const readTile = (tile: TileRef): Promise<Uint8Array> => readLedger(deps, tilePath(tile));
  const hashes = await inclusionProof(index, size, tileHashReader(size, readTile));
  return formatTlogProof({ index, hashes, checkpoint: new TextDecoder().decode(checkpoint) });
}

/** A run's entry as it was appended, from the entry bundles of the ledger. */
export async function readEntry(deps: FlowDeps, index: number, size: number): Promise<LogEntry> {
  const tile = Math.floor(index / TILE_WIDTH);
  const width = Math.min(TILE_WIDTH, size - tile * TILE_WIDTH);
  const bundle = await readLedger(deps, tilePath({ level: 'entries', index: tile, width }));
  const line = decodeEntries(bundle)[index % TILE_WIDTH];
  return parseCanonical(required(line, keys.logEntry(index))) as LogEntry;
}

/** Every entry with its index, first those of the ledger, then those that are not published yet. */
export async function* eachEntry(deps: FlowDeps): AsyncGenerator<{ index: number; line: string }> {
  const { tree, published } = await readHead(deps);
  const decoder = new TextDecoder();
  for (let tile = 0; tile * TILE_WIDTH < published.size; tile += 1) {
    const width = Math.min(TILE_WIDTH, published.size - tile * TILE_WIDTH);
    const bundle = decodeEntries(await readLedger(deps, tilePath({ level: 'entries', index: tile, width })));
    for (const [n, entry] of bundle.entries()) yield { index: tile * TILE_WIDTH + n, line: decoder.decode(entry) };
  }
  const lines = await entryLines(deps, published.size, tree.size);
  for (const [n, line] of lines.entries()) yield { index: published.size + n, line };
}

function checkpointKey(size: number): string {
  return `checkpoints/${ordinal(size, 20)}`;
}

async function readHead(deps: FlowDeps): Promise<LogHeadRow> {
  return (await peek<LogHeadRow>(deps, keys.logHead())) ?? EMPTY;
}

async function entryLines(deps: FlowDeps, from: number, to: number): Promise<string[]> {
  const wanted = Array.from({ length: to - from }, (_, n) => keys.logEntry(from + n));
  const rows = await deps.store.get(wanted);
  return rows.map((row, n) => required(row?.body as unknown as LogEntryRow | undefined, wanted[n] as Key).line);
}

async function signHead(deps: FlowDeps, { tree }: LogHeadRow): Promise<string> {
  const root = TreeBuilder.from(tree).root();
  const text = formatCheckpoint({ origin: deps.origin, size: tree.size, root, extensions: [] });
  return formatNote(text, await deps.signer.signNote(text));
}

/** Tiles are written whole: a partial one is a new file that begins with what the partial one before it held. */
async function writeTiles(deps: FlowDeps, head: LogHeadRow, lines: string[]): Promise<void> {
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

/** What of a tile the ledger had at `size`, and how many hashes or entries that is. */
async function knownPart(deps: FlowDeps, tile: TileRef, size: number): Promise<{ bytes: Uint8Array; count: number }> {
  const level = tile.level === 'entries' ? 0 : tile.level;
  const count = Math.min(tile.width, Math.max(0, Math.floor(size / TILE_WIDTH ** level) - tile.index * TILE_WIDTH));
  if (count === 0) return { bytes: new Uint8Array(0), count };
  return { bytes: await readLedger(deps, tilePath({ ...tile, width: count })), count };
}

async function readLedger(deps: FlowDeps, key: string): Promise<Uint8Array> {
  const bytes = await deps.ledger.get(key);
  if (bytes === null) throw inconsistent(`the ledger has lost ${key}`);
  return bytes;
}

function inconsistent(problem: string): TerminalError {
  return new TerminalError({
    code: 'LEDGER_INCONSISTENT',
    path: 'ledger',
    problem,
    fix: 'Stop the engine and restore the newer of the two; nothing is signed before they agree.',
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
