/** The rows of one run, made again from its log entries, its segments and its bundle. */
import {
  type Digest,
  digestOf,
  type EventLine,
  fromBase64,
  leafHash,
  type RunAbortedEntry,
  type RunOpenedEntry,
  type RunSealedEntry,
  runningDigest,
  TreeBuilder,
  type TreeState,
} from '@waybill/verify';
import { hexOf, rootOf, sealStatement } from '#core/evidence.ts';
import { STORE_LOST } from '#core/names.ts';
import type { RunTreeRow, SealRow } from '#core/record-rows.ts';
import { Recount } from '#core/recount.ts';
import { type Key, keys, type RunRow } from '#core/rows.ts';
import { segments } from '#flow/bundle.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { signStatement } from '#flow/envelope.ts';
import { bundleKey } from '#flow/seal.ts';
import { isEvent, linesOf } from '#flow/sequence.ts';
import { decide } from '#flow/transaction.ts';

interface Placed<Entry> {
  index: number;
  entry: Entry;
}

/** What the log says of a run. */
export interface LoggedRun {
  opened: Placed<RunOpenedEntry>;
  sealed?: Placed<RunSealedEntry>;
  aborted?: Placed<RunAbortedEntry>;
  checkpoint?: { size: number; root: Digest };
}

type Opened = Extract<EventLine, { type: 'run.opened' }>;
type Completed = Extract<EventLine, { type: 'run.completed' }>;

/** What the segments in the ledger hold, as far as they fit what the log says of them. */
interface Record {
  tree: TreeState;
  opened: Opened | null;
  completed: Completed | null;
  spent: Recount;
}

/** What came of it. */
export interface Restored {
  end: 'sealed' | 'unwritten' | 'aborted' | 'lost';
  spent: Recount;
  /** Its record is there from beginning to end, so that it spent nothing else. */
  isCounted: boolean;
}

const NOTHING: Record = { tree: { size: 0, frontier: [] }, opened: null, completed: null, spent: new Recount() };
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`;

export async function restoreRun(deps: FlowDeps, run: string, logged: LoggedRun): Promise<Restored> {
  const record = await readRecord(deps, run, logged);
  const row = rowOf(logged, record);
  const written = new Map<Key, object>([[keys.run(run), row]]);
  const end = await endOf(deps, run, logged, record, row, written);
  if (end === 'unwritten' || end === 'lost') {
    written.set(keys.activeRun(run), {});
    written.set(keys.tree(run), { tree: record.tree } satisfies RunTreeRow);
  }
  await decide(deps, async (draft) => {
    await draft.read([...written.keys()]);
    for (const [key, body] of written) draft.put(key, body);
  });
  return { end, spent: record.spent, isCounted: record.completed !== null };
}

async function endOf(
  deps: FlowDeps,
  run: string,
  { sealed, aborted }: LoggedRun,
  record: Record,
  row: RunRow,
  written: Map<Key, object>,
): Promise<Restored['end']> {
  if (aborted) return 'aborted';
  if (!sealed) return 'lost';
  const key = bundleKey(run);
  const bundle = await deps.ledger.open(key);
  if (bundle !== null) {
    const digest = runningDigest();
    for await (const bytes of bundle) digest.update(bytes);
    written.set(keys.run(run), { ...row, bundle: { key, sha256: digest.digest() } } satisfies RunRow);
    return 'sealed';
  }
  const seal = await signAgain(deps, run, sealed, record, row);
  if (seal === null) return 'sealed';
  written.set(keys.seal(run), seal);
  return 'unwritten';
}

/**
 * The log has the digest of the seal's statement; its signature was only in the store, and another one is as good, by the key that
 * was in force where the seal entered the log: it may have been retired since.
 */
async function signAgain(
  deps: FlowDeps,
  run: string,
  { index, entry }: Placed<RunSealedEntry>,
  { tree, completed }: Record,
  row: RunRow,
): Promise<SealRow | null> {
  if (completed === null) return null;
  const { size, root, seal: payload } = entry;
  const sealedAtMs = Date.parse(entry.at);
  const { counts } = completed.data;
  const statement = sealStatement({ origin: deps.origin, run, row, size, root, counts, sealedAtMs });
  const key = deps.signer.trust.keys.find(
    ({ use, from, to, revoked }) => use === 'attest' && from <= index && index < (to ?? Infinity) && !revoked,
  );
  if (key === undefined) {
    deps.hints.trouble(run, new RangeError('the key of its seal is believed no more: it stays without a bundle'));
    return null;
  }
  const envelope = await signStatement(deps.signer, statement, key.keyid);
  const isSame = tree.size === size && digestOf(fromBase64(envelope.payload)) === payload;
  if (isSame) return { envelope, size, root, payload, sealedAtMs };
  deps.hints.trouble(
    run,
    new RangeError('its segments do not give the seal that the log names: it stays without a bundle'),
  );
  return null;
}

function rowOf({ opened, sealed, aborted }: LoggedRun, { opened: first, completed }: Record): RunRow {
  const openedAtMs = Date.parse(opened.entry.at);
  const data = first?.data;
  const end = sealed ?? aborted;
  return {
    recovered: data ? 'whole' : 'bare',
    name: data?.name ?? '',
    queue: data?.queue ?? '',
    // The record has a pseudonym only, and whose it is stood in the store.
    principal: '',
    submissionId: '',
    submission: data?.submission ?? UNKNOWN,
    plan: data?.plan ?? UNKNOWN,
    source: data?.source ?? { kind: 'none' },
    items: data?.items ?? 0,
    state: completed?.data.state ?? 'cancelled',
    admittedAtMs: openedAtMs,
    openedAtMs,
    completedAtMs: completed ? Date.parse(completed.at) : Date.parse((end ?? opened).entry.at),
    openedEvent: opened.entry.event.slice('sha256:'.length),
    runSeq: opened.entry.runSeq,
    openedIndex: opened.index,
    ...(sealed ? { sealedIndex: sealed.index, sealedAtMs: Date.parse(sealed.entry.at) } : {}),
    ...(aborted
      ? {
          aborting: { reason: aborted.entry.reason },
          abortedIndex: aborted.index,
          abortedAtMs: Date.parse(aborted.entry.at),
        }
      : {}),
    ...(sealed || aborted ? {} : { aborting: { reason: STORE_LOST } }),
  };
}

async function readRecord(deps: FlowDeps, run: string, { opened, checkpoint, sealed }: LoggedRun): Promise<Record> {
  const tree = new TreeBuilder();
  const spent = new Recount();
  const known = sealed?.entry ?? checkpoint;
  let rootThen: Digest | null = null;
  let first: Uint8Array | null = null;
  let last: Uint8Array | null = null;
  for await (const segment of segments(deps, run)) {
    for (const line of linesOf(segment)) {
      if (!isEvent(line)) continue;
      tree.append(leafHash(line));
      spent.take(parsed(line));
      first ??= line;
      last = line;
      if (tree.size === known?.size) rootThen = rootOf(tree.state());
    }
  }
  const isRight = first === null || `sha256:${hexOf(leafHash(first))}` === opened.entry.event;
  if (!isRight || (known !== undefined && rootThen !== known.root)) {
    deps.hints.trouble(run, new RangeError('its segments are not those that the log speaks of'));
    return NOTHING;
  }
  return { tree: tree.state(), opened: eventOf(first, 'run.opened'), completed: eventOf(last, 'run.completed'), spent };
}

function parsed(line: Uint8Array): EventLine {
  return JSON.parse(new TextDecoder().decode(line)) as EventLine;
}

function eventOf<T extends EventLine['type']>(
  line: Uint8Array | null,
  type: T,
): Extract<EventLine, { type: T }> | null {
  if (line === null) return null;
  const event = parsed(line);
  return event.type === type ? (event as Extract<EventLine, { type: T }>) : null;
}
