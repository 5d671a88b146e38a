/**
 * Condition: an item whose dependencies have all ended, not all of them well, is weighed: whether something that is done gives
 * it what it needs, whether its own `when` holds, and whether a result is there that a pure item may use again. A todo row stands until it is. What it is weighed by cannot change any more.
 */
import {
  ABSENT,
  conditionHolds,
  type Digest,
  firstDone,
  type Operand,
  reviewDigest,
  testsOf,
  UNREADABLE,
  type ValueTest,
} from '@waybill/verify';
import { MAX_CONDITION_FILE_BYTES, valueAt } from '#core/condition-values.ts';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { isTerminal, type TerminalState } from '#core/tally.ts';
import { CONDITION_FALSE, isLeftOut, leftBy, UPSTREAM_FAILED, UPSTREAM_SKIPPED } from '#core/upstream.ts';
import { branchOut } from '#flow/branch-out.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { begin, emitBegun, nothingBegun } from '#flow/gate.ts';
import { closeItem, completeRun, type ItemRef, readItem, readRun, required } from '#flow/items.ts';
import { findReusable, mayReuse, type Reusable, takeOver } from '#flow/reuse.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/** Whether an item has to be weighed once it waits for nothing any more. */
export function isConditional(item: SpecRow['item']): boolean {
  const { when, needs, forEach, gate } = item;
  const isAsked = when !== undefined || gate?.reviews !== undefined;
  return forEach !== undefined || isAsked || mayReuse(item) || needs.some(({ from }) => from.length > 1);
}

/** pending, waiting for nothing -> pending, and weighed by whoever meets the row. */
export function deferToCondition(draft: Draft, ref: ItemRef, item: ItemRow): void {
  draft.put(keys.item(ref.run, ref.item), { ...item, waitingOn: [], deciding: true } satisfies ItemRow);
  draft.create(keys.todoDecide(ref.run, ref.item), {});
}

interface Weighed {
  /** In which it can be claimed now. */
  queue?: string;
  /** It was left out, and its dependents have to be told. */
  isEnded: boolean;
  isCompleted: boolean;
  /** It has become others, which are still to be written. */
  isGrown?: true;
}

/** Weighs the item, once. Resolves with whether it ended by that, or became others; nobody has been told then. */
export async function decideCondition(deps: FlowDeps, ref: ItemRef): Promise<'ended' | 'grown' | 'open'> {
  const spec = await peek<SpecRow>(deps, keys.spec(ref.run, ref.item));
  if (spec === null || (await peek(deps, keys.todoDecide(ref.run, ref.item))) === null) return 'open';
  const files = await readFiles(deps, ref.run, spec);
  const reusable = await findReusable(deps, ref, spec);
  const weighed = await decide(deps, (draft) => weigh(deps, draft, ref, { files, reusable }));
  if (weighed.queue !== undefined) deps.hints.queueChanged(weighed.queue);
  if (weighed.isCompleted) deps.hints.runCompleted(ref.run);
  if (weighed.isEnded) deps.hints.itemEnded(ref.run, ref.item);
  return weighed.isEnded ? 'ended' : weighed.isGrown ? 'grown' : 'open';
}

interface Looked {
  files: Files;
  reusable: Reusable | null;
}

async function weigh(deps: FlowDeps, draft: Draft, ref: ItemRef, { files, reusable }: Looked): Promise<Weighed> {
  const nothing: Weighed = { isEnded: false, isCompleted: false };
  const [todo] = await draft.read([keys.todoDecide(ref.run, ref.item)]);
  if (todo === null) return nothing;
  draft.delete(keys.todoDecide(ref.run, ref.item));
  const row = await readRun(draft, ref.run);
  const [spec, item] = await readItem(draft, ref);
  // Its run is being ended, and so is the item.
  if (item.state !== 'pending' || !item.deciding || row.stopping) return nothing;
  draft.check(keys.run(ref.run));
  // It was weighed before it became others, and waits for nothing but these.
  if (spec.branches !== undefined) return grown(draft, ref, row, spec, item);
  const { needs, when } = spec.item;
  for (const { from } of needs) {
    const states = from.length === 1 ? [] : await statesOf(draft, ref.run, from);
    if (from.length > 1 && firstDone(from, (id) => states[from.indexOf(id)]?.state === 'done') === null)
      return leaveOut(draft, ref, spec, item, causeOf(from, states));
  }
  let weighed = item;
  if (when !== undefined) {
    const operands = await operandsOf(draft, ref.run, spec, files);
    const holds = conditionHolds(when, operands);
    draft.emit(ref.run, { type: 'item.decided', data: { item: ref.item, holds, operands } });
    weighed = { ...item, holds };
    if (!holds) return leaveOut(draft, ref, spec, weighed, { reason: CONDITION_FALSE });
  }
  if (spec.item.forEach !== undefined) return grown(draft, ref, row, spec, weighed);
  // One whose cancel was accepted meanwhile is as it would be without a result: whoever cancels it ends it.
  if (reusable !== null && row.pausedAtMs === undefined && !item.cancelAsked) {
    const { completed } = await takeOver(draft, ref, spec, weighed, reusable);
    return { isEnded: true, isCompleted: completed !== null };
  }
  const begun = nothingBegun();
  begin(deps, draft, ref, row, spec, weighed, begun, await underReview(draft, ref.run, spec));
  emitBegun(draft, ref.run, begun);
  return begun.isQueued ? { ...nothing, queue: row.queue } : nothing;
}

async function grown(draft: Draft, ref: ItemRef, run: RunRow, spec: SpecRow, item: ItemRow): Promise<Weighed> {
  const ended = await branchOut(draft, ref, run, spec, item);
  const isCompleted = ended !== null && ended.completed !== null;
  return { isEnded: ended !== null, isCompleted, ...(ended === null ? { isGrown: true } : {}) };
}

/** What a gate is about, of items that have all ended. */
async function underReview(draft: Draft, run: string, { item }: SpecRow): Promise<Digest | undefined> {
  const reviews = item.gate?.reviews;
  if (reviews === undefined) return undefined;
  const rows = await statesOf(draft, run, reviews);
  return reviewDigest(rows.map((row, n) => ({ item: reviews[n] ?? '', outputs: leftBy(row)?.outputs ?? null })));
}

/** The first with which something went wrong; where a condition left all of them out, the first. */
function causeOf(from: readonly string[], states: readonly Ended[]): { reason: string; cause: string } {
  const wrong = states.findIndex((state) => !isLeftOut(state));
  return { reason: wrong === -1 ? UPSTREAM_SKIPPED : UPSTREAM_FAILED, cause: from[Math.max(0, wrong)] ?? '' };
}

async function leaveOut(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  because: { reason: string; cause?: string },
): Promise<Weighed> {
  const { completed } = await closeItem(draft, ref, spec, { ...item, ...because }, 'skipped');
  draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, state: 'skipped', ...because }] } });
  if (completed) await completeRun(draft, ref.run, completed);
  return { isEnded: true, isCompleted: completed !== null };
}

type Ended = ItemRow & { state: TerminalState };

async function statesOf(draft: Draft, run: string, ids: readonly string[]): Promise<Ended[]> {
  const rows = await draft.read<ItemRow>(ids.map((id) => keys.item(run, id)));
  return rows.map((row, n) => {
    const ended = required(row, keys.item(run, ids[n] ?? ''));
    if (!isTerminal(ended.state)) throw new RangeError(`item ${ids[n]} has not ended`);
    return ended as Ended;
  });
}

/** By the digest of the file. */
type Files = ReadonlyMap<Digest, Uint8Array>;

async function operandsOf(draft: Draft, run: string, { item }: SpecRow, files: Files): Promise<Operand[]> {
  const tests = item.when === undefined ? [] : testsOf(item.when);
  const rows = await statesOf(
    draft,
    run,
    tests.map(({ from }) => from),
  );
  return tests.map((test, n): Operand => {
    const row = rows[n] as Ended;
    if ('state' in test) return { from: test.from, state: row.state };
    const ref = outputOf(row, test);
    const bytes = ref === undefined ? undefined : files.get(ref.sha256);
    const value = ref === undefined ? ABSENT : bytes === undefined ? UNREADABLE : valueAt(bytes, test.at);
    return { from: test.from, output: test.output, sha256: ref?.sha256 ?? null, value };
  });
}

function outputOf(row: ItemRow, { output }: ValueTest): ItemRow['attempts'][number]['outputs'][number] | undefined {
  return leftBy(row)?.outputs.find(({ name }) => name === `outputs/${output}`);
}

/** What a done item left never changes, so it is read before anything is decided. Files that are too large are left out. */
async function readFiles(deps: FlowDeps, run: string, { item }: SpecRow): Promise<Files> {
  const tests = item.when === undefined ? [] : testsOf(item.when);
  const asked = tests.filter((test): test is ValueTest => 'output' in test);
  const rows = await deps.store.get(asked.map(({ from }) => keys.item(run, from)));
  const files = new Map<Digest, Uint8Array>();
  for (const [n, test] of asked.entries()) {
    const row = rows[n]?.body as unknown as ItemRow | undefined;
    const ref = row === undefined ? undefined : outputOf(row, test);
    if (ref === undefined || ref.sizeBytes > MAX_CONDITION_FILE_BYTES || files.has(ref.sha256)) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of await deps.artifacts.open(ref.sha256)) chunks.push(chunk);
    files.set(ref.sha256, Buffer.concat(chunks));
  }
  return files;
}
