/**
 * Readiness: who waits for whom. The items of an opened run that wait for nothing become ready; items that ended tell
 * their dependents. A `wake` row stands from the end of an item until all dependents have been told, so a crash in between is taken up
 * where it stopped. Telling twice changes nothing: unmet dependencies are sets.
 */

import { type EventOf, meaningOf } from '@waybill/verify';
import { awaitedBy } from '#core/growth.ts';
import { MAX_SET_IDS } from '#core/names.ts';
import { type ItemRow, keys, type OpenRow, type RunRow, type SetRow, type SpecRow } from '#core/rows.ts';
import { chunk, placeIn, without } from '#core/sets.ts';
import { isTerminal, type TerminalState } from '#core/tally.ts';
import { endOf } from '#core/upstream.ts';
import { deferToCondition, isConditional } from '#flow/condition.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type Begun, begin, emitBegun, nothingBegun } from '#flow/gate.ts';
import { closeItem, completeRun, type ItemRef, readItem, readRun, required, seenItem, seenRun } from '#flow/items.ts';
import { weighItem } from '#flow/spawn.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

const PAGE = 200;
/** At most three rows an item, and four more; and up to five an item when items end instead. */
const TOLD_PER_DECISION = 24;
const SKIPPED_PER_DECISION = 12;

/** Readies the items of an opened run that wait for nothing. Interrupted, it is called again and finds what is left. */
export async function readyRoots(deps: FlowDeps, run: string): Promise<void> {
  const roots = await rootsOf(deps, run);
  const batches = chunk(roots, TOLD_PER_DECISION);
  let weighed = 0;
  for (const [n, refs] of batches.entries()) {
    const deferred = await decide(deps, (draft) => readyBatch(deps, draft, run, refs, n === batches.length - 1));
    await weighRoots(deps, deferred);
    weighed += deferred.length;
  }
  const queue = await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.state === 'open') draft.put(keys.run(run), { ...row, state: 'running' } satisfies RunRow);
    return row.pausedAtMs === undefined ? row.queue : null;
  });
  if (queue !== null && (weighed === 0 || weighed < roots.length)) deps.hints.queueChanged(queue);
}

async function rootsOf(deps: FlowDeps, run: string): Promise<ItemRef[]> {
  const roots: ItemRef[] = [];
  let after: string | undefined;
  do {
    const range = { prefix: 'item/', limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    for (const { sk, body } of rows)
      if (waitsForNothing(body as unknown as ItemRow)) roots.push({ run, item: sk.slice('item/'.length) });
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
  return roots;
}

function waitsForNothing(item: ItemRow): boolean {
  return item.state === 'pending' && item.waitingOn.length === 0 && !item.reopening && !item.deciding;
}

/** Those that may have a result to use again. What is cut off here is taken up by the rows that say it. */
export async function weighRoots(deps: FlowDeps, deferred: readonly ItemRef[]): Promise<void> {
  for (const ref of deferred) await weighItem(deps, ref);
}

/**
 * Readies those of them that wait for nothing.
 * Resolves with those that have to be weighed first.
 * @param isLast then the run is running: written later, that would meet the first claims, and each of the two be made twice
 */
export async function readyBatch(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  refs: ItemRef[],
  isLast: boolean,
): Promise<ItemRef[]> {
  const row = await readRun(draft, run);
  if (row.state !== 'open' || row.stopping) return [];
  if (isLast) draft.put(keys.run(run), { ...row, state: 'running' } satisfies RunRow);
  else draft.check(keys.run(run));
  return (await beginBatch(deps, draft, row, refs)).deferred;
}

/** What has become of items that wait for nothing. The caller names the run's row in its decision. */
export async function beginBatch(
  deps: FlowDeps,
  draft: Draft,
  row: RunRow,
  refs: readonly ItemRef[],
): Promise<{ deferred: ItemRef[]; isQueued: boolean; queue: string }> {
  const [first] = refs;
  await draft.read(refs.flatMap((ref) => [keys.item(ref.run, ref.item), keys.spec(ref.run, ref.item)]));
  const begun = nothingBegun();
  const deferred: ItemRef[] = [];
  for (const ref of refs) {
    const [spec, item] = seenItem(draft, ref);
    if (!waitsForNothing(item)) continue;
    if (isConditional(spec.item)) {
      deferToCondition(draft, ref, item);
      deferred.push(ref);
    } else begin(deps, draft, ref, row, spec, item, begun);
  }
  if (first !== undefined) emitBegun(draft, first.run, begun);
  return { deferred, isQueued: begun.isQueued, queue: row.queue };
}

/**
 * Tells the dependents of an ended item: one dependency less, ready, or skipped. Skipped items have dependents of their
 * own; they are worked off one after another here, so depth costs no stack.
 */
export async function wakeDependents(deps: FlowDeps, ref: ItemRef): Promise<void> {
  const { run } = ref;
  const pending = [ref.item];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const item = id;
    const [wake] = await deps.store.get([keys.wake(run, item)]);
    // All have been told.
    if (!wake) continue;
    const spec = await readStored<SpecRow>(deps, keys.spec(run, item));
    for (let n = -1; n < spec.moreDependents; n += 1) {
      const ids = n < 0 ? spec.dependents : (await readStored<SetRow>(deps, keys.fan(run, item, n))).ids;
      const isLast = n === spec.moreDependents - 1;
      pending.push(...(await tell(deps, { run, item, spec }, ids, isLast ? wake : null)));
    }
  }
}

async function endWake(deps: FlowDeps, draft: Draft, wake: Row): Promise<void> {
  const [left] = await deps.store.get([wake]);
  // One of another version is of a later end: the item was opened again since.
  if (left?.version !== wake.version) return;
  draft.adopt([left]);
  draft.delete(wake);
}

/** Every item of the run that ended and whose dependents have not all been told. */
export async function wakeAll(deps: FlowDeps, run: string): Promise<void> {
  let after: string | undefined;
  do {
    const range = { prefix: 'wake/', limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    for (const { sk } of rows) await wakeDependents(deps, { run, item: sk.slice('wake/'.length) });
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
}

/** Tells some dependents once more of an item that has ended: they were opened after they would have been told. */
export async function tellAgain(deps: FlowDeps, source: ItemRef, ids: string[]): Promise<void> {
  const spec = await readStored<SpecRow>(deps, keys.spec(source.run, source.item));
  for (const item of await tell(deps, { ...source, spec }, ids, null))
    await wakeDependents(deps, { run: source.run, item });
}

async function readStored<Body extends object>(deps: FlowDeps, key: ReturnType<typeof keys.spec>): Promise<Body> {
  return required(await peek<Body>(deps, key), key);
}

/**
 * Resolves with the dependents that have ended by it.
 * @param wake goes with the last of them, or at once where there is nothing to tell; null: others are told after these
 */
async function tell(deps: FlowDeps, source: Source, ids: string[], wake: Row | null): Promise<string[]> {
  const { state } = await readStored<ItemRow>(deps, keys.item(source.run, source.item));
  if (!isTerminal(state)) {
    if (wake) await decide(deps, (draft) => endWake(deps, draft, wake));
    return [];
  }
  const ended: string[] = [];
  const batches = chunk(ids, state === 'done' ? TOLD_PER_DECISION : SKIPPED_PER_DECISION);
  for (const [n, batch] of batches.entries()) {
    const refs = batch.map((item) => ({ run: source.run, item }));
    const told = await decide(deps, async (draft) => {
      const outcome = await tellBatch(deps, draft, { ...source, state }, refs);
      if (wake && n === batches.length - 1) await endWake(deps, draft, wake);
      return outcome;
    });
    if (told.queue !== null) deps.hints.queueChanged(told.queue);
    ended.push(...told.skipped);
    if (told.completed) deps.hints.runCompleted(source.run);
    for (const item of told.deciding) if (await weighItem(deps, { run: source.run, item })) ended.push(item);
  }
  return ended;
}

interface Source extends ItemRef {
  spec: SpecRow;
}

interface EndedSource extends Source {
  /** In which it has ended when it is told of. */
  state: TerminalState;
}

interface Told {
  /** In which something became ready, or null. */
  queue: string | null;
  skipped: string[];
  deciding: string[];
  completed: boolean;
}

async function tellBatch(deps: FlowDeps, draft: Draft, source: EndedSource, refs: ItemRef[]): Promise<Told> {
  const key = keys.item(source.run, source.item);
  await draft.read([key, keys.run(source.run), ...refs.map((each) => keys.item(each.run, each.item))]);
  const now = draft.seen<ItemRow>(key);
  const told: Told = { queue: null, skipped: [], deciding: [], completed: false };
  if (now?.state !== source.state) return told;
  const run = seenRun(draft, source.run);
  const end = endOf(source.item, { ...now, state: source.state }, source.spec.item);
  const begun = nothingBegun();
  const closed: EventOf<'item.closed'>['data']['items'] = [];
  let root: OpenRow | null = null;
  let isPassed = false;
  for (const ref of refs) {
    const item = required(draft.seen<ItemRow>(keys.item(ref.run, ref.item)), keys.item(ref.run, ref.item));
    if (item.state !== 'pending') continue;
    const meaning = end.state === 'done' ? 'met' : meaningOf((await readItem(draft, ref))[0].item, end);
    if (meaning === 'met' || meaning === 'let_pass') {
      const onward = await goOn(deps, draft, ref, item, source.item, run, begun);
      if (onward !== null && meaning === 'let_pass') isPassed = true;
      if (onward === 'deciding') told.deciding.push(ref.item);
      continue;
    }
    const [spec] = await readItem(draft, ref);
    const because = { reason: meaning, cause: source.item };
    root = (await closeItem(draft, ref, spec, { ...item, ...because }, 'skipped')).completed;
    closed.push({ id: ref.item, state: 'skipped', ...because });
  }
  // Written by each that ends others or goes on without it, so that its own second beginning stands behind them all.
  if (end.state === 'done') draft.check(key);
  else draft.put(key, { ...now, ...(isPassed ? { passed: true as const } : {}) } satisfies ItemRow);
  emitBegun(draft, source.run, begun);
  if (closed.length > 0) draft.emit(source.run, { type: 'item.closed', data: { items: closed } });
  if (root) await completeRun(draft, source.run, root);
  const queue = begun.isQueued ? run.queue : null;
  return { ...told, queue, skipped: closed.map(({ id }) => id), completed: root !== null };
}

/** One dependency less. Null: it had been told before. */
async function goOn(
  deps: FlowDeps,
  draft: Draft,
  ref: ItemRef,
  item: ItemRow,
  dep: string,
  run: RunRow,
  begun: Begun,
): Promise<'waiting' | 'deciding' | 'begun' | null> {
  const waitingOn = await withoutDependency(draft, ref, item, dep);
  if (waitingOn === item.waitingOn) return null;
  if (waitingOn.length > 0 || run.stopping) {
    draft.put(keys.item(ref.run, ref.item), { ...item, waitingOn } satisfies ItemRow);
    return 'waiting';
  }
  const [spec] = await readItem(draft, ref);
  if (isConditional(spec.item)) {
    deferToCondition(draft, ref, item);
    return 'deciding';
  }
  draft.check(keys.run(ref.run));
  begin(deps, draft, ref, run, spec, item, begun);
  return 'begun';
}

/** The item's unmet dependencies without `dep`: the same array when it had been told before. */
async function withoutDependency(draft: Draft, ref: ItemRef, item: ItemRow, dep: string): Promise<string[]> {
  if (!item.waitingOn[0]?.startsWith('#')) {
    return item.waitingOn.includes(dep) ? without(item.waitingOn, dep) : item.waitingOn;
  }
  const [spec] = await readItem(draft, ref);
  const place = placeIn(awaitedBy(spec), dep);
  // What it waited for before it became many.
  if (place < 0) return item.waitingOn;
  const n = Math.floor(place / MAX_SET_IDS);
  const key = keys.wait(ref.run, ref.item, n);
  const set = required(await draft.readOne<SetRow>(key), key);
  // Filled anew while the item was opened again, by somebody who knew more than whoever wrote which sets there are.
  if (set.ids.length === 0) return item.waitingOn.includes(`#${n}`) ? without(item.waitingOn, `#${n}`) : item.waitingOn;
  if (!set.ids.includes(dep)) return item.waitingOn;
  const ids = without(set.ids, dep);
  draft.put(key, { ids } satisfies SetRow);
  return ids.length === 0 ? without(item.waitingOn, `#${n}`) : [...item.waitingOn];
}
