/**
 * Retry: an item that failed is tried again because somebody said so, while its run is open; and one that waits for its
 * next attempt gets it at once. What was skipped because of the failure waits again.
 *
 * The item is opened first, and kept from becoming ready until everything downstream is open too: it holds the run open
 * meanwhile. What ends in between is told again to whoever was opened behind its back. A todo row stands until that is done.
 */
import { isSkippedForUpstream, reopenable, type Standing, unmetOf } from '#core/reopen.ts';
import { type ItemRow, keys, type OpenRow, type RunRow, type SetRow, type SpecRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { isTerminal, subtractTally, tallyOf } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, acceptControl, accepted, askedItem, dedupedAs, wasAccepted } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type ItemRef, makeReady, readItem, readRun, required } from '#flow/items.ts';
import { tellAgain, wakeDependents } from '#flow/readiness.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';

const PAGE = 500;
/** At most an item, its row of the open set and the root of that for each, an event, and the run. */
const OPENED_PER_DECISION = 24;
const SETS_PER_DECISION = 70;

/** `tell-end`: the end of the item has to be told to its dependents first, and then asked again. */
type Outcome = Answer & { next?: 'tell-end' | 'advance' | 'reopen' };

export async function acceptRetry(deps: FlowDeps, draft: Draft, asked: Asked, id: string): Promise<Outcome> {
  const { run, row } = asked;
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  if (await wasAccepted(draft, asked)) return dedupedAs(run);
  const ref = { run, item: id };
  const [spec, item] = await readItem(draft, ref);
  if (!isTerminal(item.state)) {
    // One that was never tried waits for a time of its own, which no retry brings nearer.
    if (item.state !== 'ready' || item.notBeforeMs === undefined || item.attempt === 0) return dedupedAs(run);
    acceptControl(deps, draft, asked, 'retry', id);
    draft.put(keys.run(run), { ...row } satisfies RunRow);
    return { ...accepted(run), ...(makeReady(deps, draft, ref, row, spec, item) ? { next: 'advance' } : {}) };
  }
  const problem = problemOf(item);
  if (problem !== null) return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', ...problem });
  if ((await draft.readOne(keys.wake(run, id))) !== null) return { ...accepted(run), next: 'tell-end' };
  acceptControl(deps, draft, asked, 'retry', id);
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  draft.create(keys.todoRetry(run, id), {});
  await openItem(draft, ref, spec, { ...item, spent: 0, lost: 0, reopening: true });
  draft.emit(run, { type: 'item.reopened', data: { items: [id] } });
  return { ...accepted(run), next: 'reopen' };
}

function problemOf({ state, reason, cause }: ItemRow): { problem: string; fix: string } | null {
  const ended = { problem: `the item has ended as ${state}`, fix: 'Submit the run under a new id.' };
  if (state === 'skipped' && cause !== undefined) return { ...ended, fix: `Retry ${cause}, because of which it was.` };
  if (state !== 'failed') return ended;
  return reason === 'deadline_exceeded' ? { ...ended, problem: 'the deadline of the item is over' } : null;
}

/** Terminal -> pending: back into the open set, its numbers down the tree. */
async function openItem(draft: Draft, ref: ItemRef, spec: SpecRow, item: ItemRow): Promise<void> {
  if (!isTerminal(item.state)) throw new RangeError(`item ${ref.item} is open`);
  const [key, rootKey] = [keys.open(ref.run, spec.openChunk), keys.openRoot(ref.run)];
  const [found, foundRoot] = await draft.read<OpenRow>([key, rootKey]);
  const open = required(found, key);
  if (open.ids.length === 0) {
    const root = required(foundRoot, rootKey);
    const ids = [...root.ids, String(spec.openChunk)];
    draft.put(rootKey, { ids, tally: subtractTally(root.tally, open.tally) } satisfies OpenRow);
  }
  const tally = subtractTally(open.tally, tallyOf(item, item.state));
  draft.put(key, { ids: [...open.ids, ref.item], tally } satisfies OpenRow);
  const { reason: _reason, cause: _cause, detail: _detail, ...rest } = item;
  const reopened = (item.reopened ?? 0) + 1;
  draft.put(keys.item(ref.run, ref.item), { ...rest, state: 'pending', reopened } satisfies ItemRow);
}

/** Opens what was skipped because of the item, then lets the item become ready. Interrupted, it finds what is left. */
export async function reopen(deps: FlowDeps, ref: ItemRef): Promise<void> {
  const { run } = ref;
  // Again, because some may be skipped only now: nothing is opened whose own dependents have not been told of its end.
  while ((await reopenSkipped(deps, run)) > 0);
  await tellWhatEnded(deps, run);
  const isQueued = await decide(deps, (draft) => letGo(deps, draft, ref));
  if (isQueued !== null) deps.hints.queueChanged(isQueued);
  await forget(deps, keys.todoRetry(run, ref.item));
}

async function reopenSkipped(deps: FlowDeps, run: string): Promise<number> {
  const standings = await standingsOf(deps, run);
  let opened = 0;
  for (const batch of chunk(reopenable(standings), OPENED_PER_DECISION)) {
    for (const item of batch) await prepare(deps, { run, item }, standings);
    opened += await decide(deps, (draft) => openBatch(draft, run, batch, standings));
  }
  return opened;
}

/** Its own end is told to the end, and its sets are right, before it is open. */
async function prepare(deps: FlowDeps, ref: ItemRef, standings: ReadonlyMap<string, Standing>): Promise<void> {
  if ((await peek(deps, keys.wake(ref.run, ref.item))) !== null) await wakeDependents(deps, ref);
  const { rows } = unmetOf(required(standings.get(ref.item), keys.item(ref.run, ref.item)), standings);
  const sets = rows.map((ids, n) => ({ key: keys.wait(ref.run, ref.item, n), ids }));
  for (const batch of chunk(sets, SETS_PER_DECISION)) {
    await decide(deps, async (draft) => {
      const item = await draft.readOne<ItemRow>(keys.item(ref.run, ref.item));
      if (item === null || !isSkippedForUpstream(item)) return;
      draft.check(keys.item(ref.run, ref.item));
      await draft.read(batch.map(({ key }) => key));
      for (const { key, ids } of batch) draft.put(key, { ids } satisfies SetRow);
    });
  }
}

async function openBatch(
  draft: Draft,
  run: string,
  ids: readonly string[],
  standings: ReadonlyMap<string, Standing>,
): Promise<number> {
  const row = await readRun(draft, run);
  if (row.stopping || row.completedAtMs !== undefined) return 0;
  const opened: string[] = [];
  for (const id of ids) {
    const ref = { run, item: id };
    const [spec, item] = await readItem(draft, ref);
    if (!isSkippedForUpstream(item)) continue;
    const waitingOn = unmetOf(required(standings.get(id), keys.item(run, id)), standings).root;
    await openItem(draft, ref, spec, { ...item, waitingOn });
    opened.push(id);
  }
  if (opened.length === 0) return 0;
  // Written by each, so that they stand in their order: upstream before downstream.
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  draft.emit(run, { type: 'item.reopened', data: { items: opened } });
  return opened.length;
}

/** Tells every item that waits of those that ended while it was being opened, or before. */
async function tellWhatEnded(deps: FlowDeps, run: string): Promise<void> {
  const standings = await standingsOf(deps, run);
  const ended = new Map<string, string[]>();
  for (const [id, { state, deps: needed, waitingOn }] of standings) {
    if (state !== 'pending') continue;
    // Of those that stand in rows it is asked more than need be; telling twice changes nothing.
    for (const dep of waitingOn[0]?.startsWith('#') ? needed : waitingOn) {
      const upstream = standings.get(dep);
      if (upstream === undefined || !isTerminal(upstream.state)) continue;
      const known = ended.get(dep);
      if (known) known.push(id);
      else ended.set(dep, [id]);
    }
  }
  for (const [item, dependents] of ended) await tellAgain(deps, { run, item }, dependents);
}

/** Resolves with the queue in which the item can be claimed now, or null. */
async function letGo(deps: FlowDeps, draft: Draft, ref: ItemRef): Promise<string | null> {
  const row = await readRun(draft, ref.run);
  const [spec, item] = await readItem(draft, ref);
  if (item.state !== 'pending' || !item.reopening || row.stopping) return null;
  const { reopening: _done, ...rest } = item;
  draft.check(keys.run(ref.run));
  const isQueued = makeReady(deps, draft, ref, row, spec, rest);
  draft.emit(ref.run, { type: 'item.ready', data: { items: [ref.item] } });
  return isQueued ? row.queue : null;
}

/** All items of the run, as they stand now. */
async function standingsOf(deps: FlowDeps, run: string): Promise<Map<string, Standing>> {
  const found = new Map<string, Standing>();
  const specs = new Map<string, readonly string[]>();
  for await (const [id, { item }] of rowsOf<SpecRow>(deps, run, 'spec/')) specs.set(id, item.deps);
  for await (const [id, { state, reason, waitingOn }] of rowsOf<ItemRow>(deps, run, 'item/')) {
    const because = reason === undefined ? {} : { reason };
    found.set(id, { state, ...because, deps: specs.get(id) ?? [], waitingOn });
  }
  return found;
}

async function* rowsOf<Body>(deps: FlowDeps, run: string, prefix: string): AsyncGenerator<[string, Body]> {
  let after: string | undefined;
  do {
    const range = { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    for (const { sk, body } of rows) yield [sk.slice(prefix.length), body as unknown as Body];
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
}
