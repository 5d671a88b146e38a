/**
 * Reopen: a retry is worked off. What was skipped because of the item waits again, upstream first; then the item itself may
 * become ready. What ends in between is told again to whoever was opened behind its back.
 */
import { awaitedBy } from '#core/growth.ts';
import { isSkippedForUpstream, reopenable, type Standing, unmetOf } from '#core/reopen.ts';
import { type ItemRow, keys, type RunRow, type SetRow, type SpecRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { isTerminal } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { growAll } from '#flow/extend.ts';
import { type ItemRef, isLettingPass, makeReady, readItem, readRun, required } from '#flow/items.ts';
import { tellAgain, wakeDependents } from '#flow/readiness.ts';
import { isLate, openItem } from '#flow/retry.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

const PAGE = 500;
/** At most an item, its row of the open set and the root of that for each, an event, and the run. */
const OPENED_PER_DECISION = 24;
const SETS_PER_DECISION = 70;

/**
 * Opens what was skipped because of the item, then lets the item become ready. Interrupted, it finds what is left. It may
 * be under way twice at once: whoever comes after the end of it, or after a later retry, changes nothing.
 */
export async function reopen(deps: FlowDeps, ref: ItemRef): Promise<void> {
  const { run } = ref;
  const [todo] = await deps.store.get([keys.todoRetry(run, ref.item)]);
  if (!todo) return;
  // What it became, or was added behind it, has to be there to be opened.
  if ((await peek<RunRow>(deps, keys.run(run)))?.growth !== undefined) await growAll(deps, run);
  // Again, because some may be skipped only now: nothing is opened whose own dependents have not been told of its end.
  while (await reopenSkipped(deps, run, todo));
  await tellWhatEnded(deps, run);
  const isQueued = await decide(deps, (draft) => readyReopened(deps, draft, ref, todo));
  if (isQueued !== null) deps.hints.queueChanged(isQueued);
  await decide(deps, async (draft) => {
    if (await isStill(deps, draft, todo)) draft.delete(todo);
  });
}

/** The decision stands only while the row is the very one; one of another version is of a later retry. */
async function isStill(deps: FlowDeps, draft: Draft, todo: Row): Promise<boolean> {
  const [left] = await deps.store.get([todo]);
  if (left?.version !== todo.version) return false;
  draft.adopt([left]);
  draft.check(todo);
  return true;
}

/** Resolves with whether it has to be looked again: something was opened, or was found other than it stood. */
async function reopenSkipped(deps: FlowDeps, run: string, todo: Row): Promise<boolean> {
  const standings = await standingsOf(deps, run);
  const order = reopenable(standings);
  for (const batch of chunk(order, OPENED_PER_DECISION)) {
    for (const item of batch) await prepare(deps, { run, item }, standings);
    const opened = await decide(deps, (draft) => openBatch(deps, draft, run, batch, standings, todo));
    if (opened === null) return false;
    // What comes after was to be opened because of this one.
    if (opened < batch.length) return true;
  }
  return order.length > 0;
}

/** Its own end is told to the end, and its sets are right, before it is open. */
async function prepare(deps: FlowDeps, ref: ItemRef, standings: ReadonlyMap<string, Standing>): Promise<void> {
  if ((await peek(deps, keys.wake(ref.run, ref.item))) !== null) await wakeDependents(deps, ref);
  const { rows } = unmetOf(required(standings.get(ref.item), keys.item(ref.run, ref.item)), standings);
  const sets = rows.map((ids, n) => ({ key: keys.wait(ref.run, ref.item, n), ids }));
  for (const batch of chunk(sets, SETS_PER_DECISION)) {
    await decide(deps, async (draft) => {
      const item = await draft.readOne<ItemRow>(keys.item(ref.run, ref.item));
      if (item === null || !isReopenable(item)) return;
      draft.check(keys.item(ref.run, ref.item));
      await draft.read(batch.map(({ key }) => key));
      for (const { key, ids } of batch) draft.put(key, { ids } satisfies SetRow);
    });
  }
}

async function openBatch(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  ids: readonly string[],
  standings: ReadonlyMap<string, Standing>,
  todo: Row,
): Promise<number | null> {
  const row = await readRun(draft, run);
  if (row.stopping || row.completedAtMs !== undefined || !(await isStill(deps, draft, todo))) return null;
  const opened: string[] = [];
  for (const id of ids) {
    const ref = { run, item: id };
    const [spec, item] = await readItem(draft, ref);
    if (!isReopenable(item) || isLate(deps, row, spec)) break;
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
async function readyReopened(deps: FlowDeps, draft: Draft, ref: ItemRef, todo: Row): Promise<string | null> {
  if (!(await isStill(deps, draft, todo))) return null;
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
  const rows: [string, ItemRow][] = [];
  const specs = new Map<string, SpecRow>();
  const row = required(await peek<RunRow>(deps, keys.run(run)), keys.run(run));
  // First, so that none of them was written behind what it is.
  for await (const row of rowsOf<ItemRow>(deps, run, 'item/')) rows.push(row);
  for await (const [id, spec] of rowsOf<SpecRow>(deps, run, 'spec/')) specs.set(id, spec);
  for (const [id, { state, reason, cancelAsked, passed, waitingOn }] of rows) {
    const spec = required(specs.get(id), keys.spec(run, id));
    const because = reason === undefined ? {} : { reason };
    const isBarred = cancelAsked === true || passed === true || isLate(deps, row, spec);
    const lettingPass = isLettingPass(spec);
    found.set(id, { state, ...because, isBarred, deps: awaitedBy(spec), dependent: spec.item, lettingPass, waitingOn });
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

function isReopenable(item: ItemRow): boolean {
  return isSkippedForUpstream(item) && !item.cancelAsked && !item.passed;
}
