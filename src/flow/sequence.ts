/**
 * Sequence: the events of a run get their places, batch by batch, while the run goes on.
 *
 * A batch is what one snapshot query answers: the lowest keys of the run's outbox. Keys are a Lamport clock, so
 * whatever an event follows from has a lower key and was visible before it: it is in the same answer, or has its place
 * already. An event that turns up later with a lower key is one that nothing sequenced follows from, and simply comes
 * later.
 *
 * The places are given by one conditional transaction on the run's tree row. All that follows (the segment, the removal
 * of the rows) is done again after a crash with the same bytes, and no second batch begins before it is done.
 */
import { TerminalError } from '@waybill/client/errors';
import { canonicalize, equalBytes, leafHash, TreeBuilder, type TreeState } from '@waybill/verify';
import { eventLine } from '#core/evidence.ts';
import { ordinal } from '#core/ids.ts';
import type { EventRow, RunTreeRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

/** Events in a segment at most: what a process holds in memory, and what one row of keys names. */
const BATCH_EVENTS = 2_000;
/** Events may be large; a segment of them need not. */
const BATCH_BYTES = 8_000_000;
const OUTBOX = 'event/';
export const EMPTY_RECORD: RunTreeRow = { tree: { size: 0, frontier: [] } };

interface Batch {
  row: RunTreeRow & Required<Pick<RunTreeRow, 'batch'>>;
  /** The outbox rows, when this call has read them. */
  rows: Row[] | null;
  /** Nothing was left behind it. */
  isLast: boolean;
}

/**
 * Gives every event that waits its place, and resolves with the tree once they all stand in segments. The run must be
 * open: before that its opening may still be on its way. Several may do this at once; they do the same.
 */
export async function sequence(deps: FlowDeps, run: string): Promise<TreeState> {
  for (;;) {
    const batch = await decide(deps, (draft) => commitBatch(deps, draft, run));
    if (batch === null) {
      const row = await readTree(deps, run);
      // Somebody else may have removed the rows of a batch and not ended it yet: then nothing waits, and not all is placed.
      if (row.batch === undefined) return row.tree;
      continue;
    }
    // The segment must not exist before it is certain that these events have these places.
    await deps.store.durable();
    await writeSegment(deps, run, batch);
    await removeBatch(deps, run, batch);
    if (batch.isLast) return batch.row.batch.after;
  }
}

/** Where a run's events [from, to) stand, verbatim as in its container. */
export function segmentKey(run: string, from: number, to: number): string {
  return `${segmentFolder(run)}${ordinal(from, 12)}-${ordinal(to, 12)}.jsonl`;
}

export function segmentFolder(run: string): string {
  return `runs/${run}/events/`;
}

async function readTree(deps: FlowDeps, run: string): Promise<RunTreeRow> {
  return (await peek<RunTreeRow>(deps, keys.tree(run))) ?? EMPTY_RECORD;
}

/** The batch that is under way, or a new one; null when nothing waits. */
async function commitBatch(deps: FlowDeps, draft: Draft, run: string): Promise<Batch | null> {
  const key = keys.tree(run);
  const row = (await draft.readOne<RunTreeRow>(key)) ?? EMPTY_RECORD;
  const { batch } = row;
  if (batch) return { row: { ...row, batch }, rows: null, isLast: false };
  // Asked after the tree was read: if these rows get places from somebody else in between, that row changes.
  const found = await deps.store.query(key.pk, { prefix: OUTBOX, limit: BATCH_EVENTS, snapshot: true });
  const rows = upTo(BATCH_BYTES, found);
  if (rows.length === 0) return null;
  const tree = TreeBuilder.from(row.tree);
  for (const { body } of rows) tree.append(leafHash(eventLine(body as unknown as EventRow, tree.size)));
  const made = { rows: rows.map(({ sk }) => sk.slice(OUTBOX.length)), after: tree.state() };
  draft.put(key, { ...row, batch: made } satisfies RunTreeRow);
  return { row: { ...row, batch: made }, rows, isLast: rows.length === found.length && found.length < BATCH_EVENTS };
}

function upTo(maxBytes: number, rows: Row[]): Row[] {
  let sizeBytes = 0;
  const end = rows.findIndex(({ body }) => {
    const { head, envelopes = [] } = body as unknown as EventRow;
    sizeBytes += envelopes.reduce((sum, { payload }) => sum + payload.length, head.length);
    return sizeBytes > maxBytes;
  });
  return end < 0 ? rows : rows.slice(0, Math.max(1, end));
}

async function writeSegment(deps: FlowDeps, run: string, { row, rows }: Batch): Promise<void> {
  const key = segmentKey(run, row.tree.size, row.batch.after.size);
  const found = rows ?? (await deps.store.get(row.batch.rows.map((name) => outboxKey(run, name))));
  const bodies = found.map((each) => each?.body as unknown as EventRow | undefined);
  if (bodies.every((body) => body !== undefined)) {
    const bytes = segmentOf(bodies, row.tree.size);
    if (rows === null) requireRoot(key, bytes, row);
    return deps.ledger.put(key, bytes);
  }
  // Rows are removed only when the segment is written.
  const present = await deps.ledger.get(key);
  if (present === null) throw broken(key, 'the segment is gone, and so are rows that it was made from');
  requireRoot(key, present, row);
}

function segmentOf(bodies: readonly EventRow[], from: number): Uint8Array {
  const lines: string[] = [];
  bodies.forEach((body, n) => {
    lines.push(eventLine(body, from + n));
    for (const envelope of body.envelopes ?? []) lines.push(canonicalize(envelope));
  });
  return new TextEncoder().encode(`${lines.join('\n')}\n`);
}

function requireRoot(key: string, bytes: Uint8Array, { tree, batch }: Batch['row']): void {
  const rebuilt = TreeBuilder.from(tree);
  for (const line of linesOf(bytes)) if (isEvent(line)) rebuilt.append(leafHash(line));
  const isSame = rebuilt.size === batch.after.size && equalBytes(rebuilt.root(), TreeBuilder.from(batch.after).root());
  if (!isSame) throw broken(key, 'the segment does not hold the events that were given these places');
}

function broken(path: string, problem: string): TerminalError {
  const fix = 'Find out who changed it. The run cannot be sealed: abort it once that is known.';
  return new TerminalError({ code: 'OBJECT_CONFLICT', path, problem, fix });
}

/** Cuts a segment, each line without its line feed. */
export function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start);
    yield bytes.subarray(start, end < 0 ? bytes.length : end);
    start = end < 0 ? bytes.length : end + 1;
  }
}

/** Envelopes stand between the events; the first key of either is always the same, and not that of the other. */
export function isEvent(line: Uint8Array): boolean {
  // {"at" and {"payload"
  return line[2] === 0x61;
}

/** Rows never change and no name comes twice: if some are gone, another has begun to remove them. */
async function removeBatch(deps: FlowDeps, run: string, { row }: Batch): Promise<void> {
  await deps.store.discard(row.batch.rows.map((name) => outboxKey(run, name)));
  await decide(deps, (draft) => endBatch(draft, run, row));
}

async function endBatch(draft: Draft, run: string, row: Batch['row']): Promise<void> {
  const key = keys.tree(run);
  const now = await draft.readOne<RunTreeRow>(key);
  if (now?.batch?.after.size !== row.batch.after.size) return;
  const { batch, ...rest } = now;
  draft.put(key, { ...rest, tree: batch.after } satisfies RunTreeRow);
}

function outboxKey(run: string, name: string): { pk: string; sk: string } {
  return { pk: `run/${run}`, sk: `${OUTBOX}${name}` };
}
