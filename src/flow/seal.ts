/**
 * Seal: the events of a run that has ended become one tree, a signed seal over its root, an entry of the deployment log and one file
 * that an outsider can verify. Cut off anywhere, it is done again and gives the same bytes: the seal is
 * signed once and kept, and the proofs lead to the checkpoint that was recorded with it.
 */
import {
  canonicalize,
  type Digest,
  digestOf,
  fromBase64,
  leafHash,
  type RunCounts,
  TreeBuilder,
} from '@waybill/verify';
import { eventLine, hexOf, openedEntry, sealedEntry, sealStatement } from '#core/evidence.ts';
import { type EventRow, keys, type RunRow, type SealRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { signStatement } from '#flow/envelope.ts';
import { readRun, required } from '#flow/items.ts';
import { appendEntry, proveEntry, publishLog, readEntry } from '#flow/log.ts';
import { publishStatus } from '#flow/status.ts';
import { decide, forget } from '#flow/transaction.ts';

const EVENT_PAGE = 500;

/** Enters an opened run in the deployment log, once. The checkpoint that covers it may come with a later one. */
export async function enterRun(deps: FlowDeps, run: string): Promise<void> {
  await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.openedIndex !== undefined || row.openedEvent === undefined) return;
    const event = row.openedEvent;
    const { index, runSeq } = await appendEntry(draft, (next) =>
      openedEntry(deps.origin, run, next, event, row.openedAtMs),
    );
    draft.put(keys.run(run), { ...row, runSeq, openedIndex: index } satisfies RunRow);
  });
}

/** Seals a completed run and publishes its last status; any other, and one that is done with, is left alone. */
export async function seal(deps: FlowDeps, run: string): Promise<void> {
  const [row, active] = await deps.store.get([keys.run(run), keys.activeRun(run)]);
  const state = row?.body as unknown as RunRow | undefined;
  if (state?.completedAtMs === undefined || active === null) return;
  if (!state.bundle) await writeBundle(deps, run);
  await deps.store.durable();
  await publishStatus(deps, run);
  await forget(deps, keys.activeRun(run));
  deps.hints.runChanged(run);
}

async function writeBundle(deps: FlowDeps, run: string): Promise<void> {
  await enterRun(deps, run);
  await deps.store.durable();
  const key = `runs/${run}/run-${run}.audit.jsonl`;
  const { sha256 } = await deps.ledger.write(key, bundle(deps, run));
  await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const stored = required(await draft.readOne<SealRow>(keys.seal(run)), keys.seal(run));
    draft.put(keys.run(run), {
      ...row,
      sealedAtMs: stored.sealedAtMs,
      bundle: { key, sha256 },
    } satisfies RunRow);
  });
}

/** The lines of the audit file, in order. What it signs and appends on the way is durable before it is written. */
async function* bundle(deps: FlowDeps, run: string): AsyncGenerator<Uint8Array> {
  let lines = 0;
  const encoder = new TextEncoder();
  const encode = (batch: string[]): Uint8Array => {
    lines += batch.length;
    return encoder.encode(`${batch.join('\n')}\n`);
  };
  yield encode([canonicalize({ format: 'waybill-audit/v1', origin: deps.origin, run })]);
  const tree = new TreeBuilder();
  let counts: RunCounts | undefined;
  for await (const page of eventPages(deps, run)) {
    const batch: string[] = [];
    for (const row of page) {
      const line = eventLine(deps.origin, run, tree.size, row);
      tree.append(leafHash(line));
      batch.push(line);
      for (const envelope of row.envelopes ?? []) batch.push(canonicalize(envelope));
      if (row.event.type === 'run.completed') counts = row.event.data.counts;
    }
    yield encode(batch);
  }
  if (!counts) throw new RangeError(`run ${run} has no run.completed event`);
  const sealed = await signSeal(deps, run, { size: tree.size, root: `sha256:${hexOf(tree.root())}`, counts });
  const { openedIndex, sealedIndex, sealedSize } = await publishSeal(deps, run);
  yield encode([canonicalize({ record: 'seal', dsse: sealed.envelope })]);
  for (const index of [openedIndex, sealedIndex]) {
    const entry = await readEntry(deps, index, sealedSize);
    yield encode([canonicalize({ record: 'log', entry, proof: await proveEntry(deps, index, sealedSize) })]);
  }
  yield encode([canonicalize({ end: { lines } })]);
}

async function* eventPages(deps: FlowDeps, run: string): AsyncGenerator<EventRow[]> {
  let after: string | undefined;
  do {
    const range = { prefix: 'event/', limit: EVENT_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    yield rows.map(({ body }) => body as unknown as EventRow);
    after = rows.length < EVENT_PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
}

/** Signs the seal once: a second call finds the first one's. */
async function signSeal(
  deps: FlowDeps,
  run: string,
  tree: { size: number; root: Digest; counts: RunCounts },
): Promise<SealRow> {
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const stored = await draft.readOne<SealRow>(keys.seal(run));
    if (stored) return stored;
    // A clock that was set back must not make the seal older than what it seals.
    const sealedAtMs = Math.max(deps.clock.nowMs(), row.completedAtMs ?? 0);
    const envelope = await signStatement(
      deps.signer,
      sealStatement({ origin: deps.origin, run, row, ...tree, sealedAtMs }),
    );
    const payload = digestOf(fromBase64(envelope.payload));
    const sealed: SealRow = { envelope, size: tree.size, root: tree.root, payload, sealedAtMs };
    const { index } = await appendEntry(draft, () =>
      sealedEntry(deps.origin, run, required(row.runSeq, keys.run(run)), { ...sealed }, sealedAtMs),
    );
    draft.put(keys.seal(run), sealed);
    draft.put(keys.run(run), { ...row, sealedIndex: index } satisfies RunRow);
    return sealed;
  });
}

interface Published {
  openedIndex: number;
  sealedIndex: number;
  sealedSize: number;
}

/** Publishes the log up to the seal and records the checkpoint that the proofs lead to, once. */
async function publishSeal(deps: FlowDeps, run: string): Promise<Published> {
  const size = await publishLog(deps);
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const openedIndex = required(row.openedIndex, keys.run(run));
    const sealedIndex = required(row.sealedIndex, keys.run(run));
    const sealedSize = row.sealedSize ?? size;
    if (row.sealedSize === undefined) draft.put(keys.run(run), { ...row, sealedSize } satisfies RunRow);
    return { openedIndex, sealedIndex, sealedSize };
  });
}
