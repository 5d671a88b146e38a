/**
 * Spawn: the items that one has become are written, and begun. Interrupted, it is called again and finds what is left; called
 * twice at once, each item is written by one of them.
 */

import type { PlanItem } from '@waybill/client/plan';
import { canonicalize, type Digest } from '@waybill/verify';
import { deadlineRows, freshItem, openChunkOf } from '#core/admission.ts';
import { branchDigests, branchItems } from '#core/growth.ts';
import { MAX_ADMISSION_BYTES } from '#core/names.ts';
import { type ItemRow, keys, type SpecRow, type TodoSpawnRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { pathsOf } from '#flow/branch-out.ts';
import { decideCondition, deferToCondition, isConditional } from '#flow/condition.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { begin, emitBegun, nothingBegun } from '#flow/gate.ts';
import { type ItemRef, readRun, required } from '#flow/items.ts';
import { Draft, decide, peek } from '#flow/transaction.ts';
import { bytesOf } from '#ports/run-store.ts';

/** Each at most four rows: what it is, where it stands, its place in a list, its deadline. */
const SPAWNED_PER_DECISION = 16;
const PAGE = 100;

/** Weighs an item, and writes those that it becomes. Resolves with whether it ended by that. */
export async function weighItem(deps: FlowDeps, ref: ItemRef): Promise<boolean> {
  const outcome = await decideCondition(deps, ref);
  if (outcome === 'grown') await spawn(deps, ref);
  return outcome === 'ended';
}

/** Whatever items of the run have become others that are not all written. */
export async function spawnAll(deps: FlowDeps, run: string): Promise<void> {
  for (;;) {
    const prefix = keys.todoSpawn(run, '').sk;
    const rows = await deps.store.query('todo', { prefix, limit: PAGE });
    for (const { sk } of rows) await spawn(deps, { run, item: sk.slice(prefix.length) });
    if (rows.length < PAGE) return;
  }
}

export async function spawn(deps: FlowDeps, ref: ItemRef): Promise<void> {
  const todo = await peek<TodoSpawnRow>(deps, keys.todoSpawn(ref.run, ref.item));
  if (todo === null) return;
  const specKey = keys.spec(ref.run, ref.item);
  const spec = required(await peek<SpecRow>(deps, specKey), specKey);
  const paths = await pathsOf(new Draft(deps), ref.run, spec);
  const items = branchItems(spec.item, paths);
  const digests = branchDigests(spec, paths);
  const batches = chunk(
    items.map((item, place): Branch => {
      const openChunk = openChunkOf(todo.openPlace + place);
      return { item, digest: digests[place] as Digest, place, openChunk };
    }),
    batchOf(items),
  );
  const deciding: string[] = [];
  for (const [n, batch] of batches.entries()) {
    const isLast = n === batches.length - 1;
    const written = await decide(deps, (draft) => writeBatch(deps, draft, ref, batch, isLast));
    if (written === null) return;
    if (written.queue !== undefined) deps.hints.queueChanged(written.queue);
    deciding.push(...written.deciding);
  }
  for (const item of deciding) await decideCondition(deps, { run: ref.run, item });
}

function batchOf(items: readonly PlanItem[]): number {
  const largest = Math.max(...items.map((item) => bytesOf(canonicalize(item))));
  return Math.max(1, Math.min(SPAWNED_PER_DECISION, Math.floor(MAX_ADMISSION_BYTES / largest)));
}

interface Branch {
  item: PlanItem;
  digest: Digest;
  place: number;
  openChunk: number;
}

interface Written {
  /** In which something can be claimed now. */
  queue?: string;
  deciding: string[];
}

/** Null: somebody else has written all of them. */
async function writeBatch(
  deps: FlowDeps,
  draft: Draft,
  ref: ItemRef,
  batch: readonly Branch[],
  isLast: boolean,
): Promise<Written | null> {
  const todoKey = keys.todoSpawn(ref.run, ref.item);
  const ownerKey = keys.item(ref.run, ref.item);
  const keysOf = batch.map(({ item }) => keys.item(ref.run, item.id));
  const [todo, owner, , ...present] = await draft.read<ItemRow>([todoKey, ownerKey, keys.run(ref.run), ...keysOf]);
  if (!todo) return null;
  if (isLast) draft.delete(todoKey);
  else draft.check(todoKey);
  const run = await readRun(draft, ref.run);
  draft.check(keys.run(ref.run));
  const begun = nothingBegun();
  const deciding: string[] = [];
  for (const [n, branch] of batch.entries()) {
    if (present[n]) continue;
    const { openChunk, digest, place } = branch;
    const spec: SpecRow = { item: branch.item, digest, openChunk, dependents: [ref.item], moreDependents: 0 };
    // Between the item that it comes from and the next of the plan, in the order in which people see them.
    const item = freshItem(required(owner, ownerKey).place + (place + 1) / 1024, { item: ref.item });
    const own = { run: ref.run, item: branch.item.id };
    draft.create(keys.spec(own.run, own.item), spec);
    draft.create(keys.item(own.run, own.item), item);
    for (const { key, body } of deadlineRows(own.run, { items: [branch.item] }, run.openedAtMs))
      draft.create(key, body);
    if (run.stopping) continue;
    if (isConditional(branch.item)) {
      deferToCondition(draft, own, item);
      deciding.push(own.item);
    } else begin(deps, draft, own, run, spec, item, begun);
  }
  emitBegun(draft, ref.run, begun);
  return { deciding, ...(begun.isQueued ? { queue: run.queue } : {}) };
}
