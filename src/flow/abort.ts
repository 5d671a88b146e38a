/**
 * Abort: a run that cannot or shall not be sealed leaves the deployment, and the log says so. It is stopped like a cancel;
 * once nothing of it is open, or after some time even if something is, run.aborted takes the place of its seal.
 */
import { abortedEntry } from '#core/evidence.ts';
import type { RunTreeRow } from '#core/record-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { enterRun } from '#flow/enter.ts';
import { readRun, required } from '#flow/items.ts';
import { appendEntry } from '#flow/log.ts';

import { EMPTY_RECORD, sequence } from '#flow/sequence.ts';
import { publishStatus } from '#flow/status.ts';
import { decide, forget } from '#flow/transaction.ts';
import { forgetWakes } from '#flow/wakes.ts';

/** A run whose items do not end, which no stop should allow, is not waited for longer. */
export const ABORT_MS = 30_000;

/** Enters the end of a run that was asked to abort; any other is left alone. `byForce`: although not all of it has ended. */
export async function concludeAbort(deps: FlowDeps, run: string, byForce: boolean): Promise<void> {
  const [row, active] = await deps.store.get([keys.run(run), keys.activeRun(run)]);
  const state = row?.body as unknown as RunRow | undefined;
  if (!state?.aborting || active === null) return;
  if (state.completedAtMs === undefined && !byForce) return;
  if (state.abortedIndex === undefined && !(await enterAbort(deps, run))) return;
  await deps.store.durable();
  deps.hints.entered();
  await publishStatus(deps, run);
  await forgetWakes(deps, run);
  // Last: until its client was told, the run is taken up again.
  await forget(deps, keys.activeRun(run));
}

/** False: its seal came first. */
async function enterAbort(deps: FlowDeps, run: string): Promise<boolean> {
  await enterRun(deps, run);
  // As far as it goes: that the record cannot be finished may be why the run is aborted.
  await sequence(deps, run).catch((error: unknown) => deps.hints.trouble(run, error));
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const record = await draft.readOne<RunTreeRow>(keys.tree(run));
    const { aborting } = row;
    if (row.abortedIndex !== undefined) return true;
    if (!aborting || row.sealedIndex !== undefined) return false;
    const { tree } = record ?? EMPTY_RECORD;
    const runSeq = required(row.runSeq, keys.run(run));
    const about = { runSeq, run, tree, reason: aborting.reason };
    const { index } = await appendEntry(draft, () => abortedEntry(deps.origin, draft.atMs, about));
    const ended = row.completedAtMs === undefined ? { state: 'cancelled' as const, completedAtMs: draft.atMs } : {};
    draft.put(keys.run(run), { ...row, ...ended, abortedIndex: index, abortedAtMs: draft.atMs } satisfies RunRow);
    return true;
  });
}
