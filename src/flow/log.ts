/**
 * The deployment log: one sequence of entries for all runs, published as tiles and signed checkpoints.
 *
 * An entry gets its index in one transaction with the head, whose tree is then published as it stands (publish.ts).
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  decodeEntries,
  formatTlogProof,
  inclusionProof,
  type LogEntry,
  leafHash,
  parseCanonical,
  type ReadHash,
  TILE_WIDTH,
  TreeBuilder,
  tileHashReader,
  tilePath,
} from '@waybill/verify';
import { ordinal } from '#core/ids.ts';
import type { LogEntryRow, LogHeadRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { required } from '#flow/items.ts';
import { type Draft, peek } from '#flow/transaction.ts';

const EMPTY: LogHeadRow = {
  tree: { size: 0, frontier: [] },
  published: { size: 0, frontier: [] },
  runSeq: 0,
  open: 0,
  lastAtMs: 0,
};

/** Appends an entry to the head, in the caller's transaction. `entry` is made with the next free run number. */
export function appendEntry(draft: Draft, entry: (runSeq: number) => LogEntry): Promise<{ index: number }> {
  return append(draft, (_index, runSeq) => entry(runSeq));
}

/** Appends an entry that is about no run, in the caller's transaction. `entry` is made with the index that it gets. */
export async function appendNotice(draft: Draft, entry: (index: number) => Promise<LogEntry>): Promise<number> {
  return (await append(draft, (index) => entry(index))).index;
}

/** Receipts of anchored checkpoints go before it: they ride with what is entered next and never cause a checkpoint. */
async function append(
  draft: Draft,
  entry: (index: number, runSeq: number) => LogEntry | Promise<LogEntry>,
): Promise<{ index: number }> {
  const { receipts = [], ...head } = (await draft.readOne<LogHeadRow>(keys.logHead())) ?? EMPTY;
  const tree = TreeBuilder.from(head.tree);
  const add = (line: string): void => {
    draft.create(keys.logEntry(tree.size), { line } satisfies LogEntryRow);
    tree.append(leafHash(line));
  };
  for (const line of receipts) add(line);
  const index = tree.size;
  const made = await entry(index, head.runSeq);
  add(canonicalize(made));
  const { runSeq, open } = countRun(head, made.type);
  draft.put(keys.logHead(), { ...head, tree: tree.state(), runSeq, open, lastAtMs: draft.atMs } satisfies LogHeadRow);
  return { index };
}

function countRun({ runSeq, open }: LogHeadRow, type: LogEntry['type']): Pick<LogHeadRow, 'runSeq' | 'open'> {
  if (type === 'run.opened') return { runSeq: runSeq + 1, open: open + 1 };
  return { runSeq, open: type === 'run.sealed' || type === 'run.aborted' ? open - 1 : open };
}

/** The tlog-proof of an entry, leading to the checkpoint of that size, which must be published. */
export async function proveEntry(deps: FlowDeps, index: number, size: number): Promise<string> {
  const checkpoint = await readLedger(deps, checkpointKey(size));
  const hashes = await inclusionProof(index, size, hashReader(deps, size));
  return formatTlogProof({ index, hashes, checkpoint: new TextDecoder().decode(checkpoint) });
}

/** The hashes of the log as it was at that size, from the tiles of the ledger. */
export function hashReader(deps: FlowDeps, size: number): ReadHash {
  return tileHashReader(size, (tile) => readLedger(deps, tilePath(tile)));
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
  yield* publishedEntries(deps, published.size);
  const lines = await entryLines(deps, published.size, tree.size);
  for (const [n, line] of required(lines, keys.logEntry(published.size)).entries()) {
    yield { index: published.size + n, line };
  }
}

/** The entries that the ledger holds, up to a size for which it has the tiles. */
export async function* publishedEntries(
  deps: FlowDeps,
  size: number,
  from = 0,
): AsyncGenerator<{ index: number; line: string }> {
  const decoder = new TextDecoder();
  for (let tile = Math.floor(from / TILE_WIDTH); tile * TILE_WIDTH < size; tile += 1) {
    const width = Math.min(TILE_WIDTH, size - tile * TILE_WIDTH);
    const bundle = decodeEntries(await readLedger(deps, tilePath({ level: 'entries', index: tile, width })));
    for (const [n, entry] of bundle.entries()) {
      const index = tile * TILE_WIDTH + n;
      if (index >= from) yield { index, line: decoder.decode(entry) };
    }
  }
}

export function checkpointKey(size: number): string {
  return `checkpoints/${ordinal(size, 20)}`;
}

export async function readHead(deps: FlowDeps): Promise<LogHeadRow> {
  return (await peek<LogHeadRow>(deps, keys.logHead())) ?? EMPTY;
}

/** The stored lines of entries, or null when some are gone: what is published leaves the store. */
export async function entryLines(deps: FlowDeps, from: number, to: number): Promise<string[] | null> {
  const rows = await deps.store.get(Array.from({ length: to - from }, (_, n) => keys.logEntry(from + n)));
  const lines = rows.map((row) => (row?.body as unknown as LogEntryRow | undefined)?.line);
  return lines.every((line) => line !== undefined) ? lines : null;
}

export async function readLedger(deps: FlowDeps, key: string): Promise<Uint8Array> {
  const bytes = await deps.ledger.get(key);
  if (bytes === null) throw inconsistent(`the ledger has lost ${key}`);
  return bytes;
}

export function inconsistent(problem: string): TerminalError {
  const fix = 'Restore what the ledger has lost, from a copy of it. Nothing is signed before it agrees with the store.';
  return new TerminalError({ code: 'LEDGER_INCONSISTENT', path: 'ledger', problem, fix });
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
