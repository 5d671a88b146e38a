/** Enter: that a run has opened, and how far its record has come, become entries of the log. */
import { checkpointEntry, openedEntry } from '#core/evidence.ts';
import type { RunTreeRow } from '#core/record-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { readRun, required } from '#flow/items.ts';
import { appendEntry } from '#flow/log.ts';
import { sequence } from '#flow/sequence.ts';
import { decide, peek } from '#flow/transaction.ts';

/** Enters an opened run in the deployment log, once. The checkpoint that covers it may come with a later one. */
export async function enterRun(deps: FlowDeps, run: string): Promise<void> {
  await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.openedIndex !== undefined || row.openedEvent === undefined) return;
    const event = row.openedEvent;
    let runSeq = 0;
    const { index } = await appendEntry(draft, (next) => {
      runSeq = next;
      return openedEntry(deps.origin, run, next, event, row.openedAtMs);
    });
    draft.put(keys.run(run), { ...row, runSeq, openedIndex: index } satisfies RunRow);
  });
}

/**
 * Gives the waiting events of a run that goes on their places, and enters how far its record has come. A run that has
 * completed is left to its seal.
 */
export async function checkpointRun(deps: FlowDeps, run: string): Promise<void> {
  const row = await peek<RunRow>(deps, keys.run(run));
  if (row?.runSeq === undefined || row.completedAtMs !== undefined) return;
  const { runSeq } = row;
  await sequence(deps, run);
  await decide(deps, async (draft) => {
    const [state, record] = await draft.read<object>([keys.run(run), keys.tree(run)]);
    const { tree, entered = 0, ...rest } = required(record as RunTreeRow | null, keys.tree(run));
    if ((state as RunRow).completedAtMs !== undefined || tree.size === entered) return;
    await appendEntry(draft, () => checkpointEntry(deps.origin, run, runSeq, tree, draft.atMs));
    draft.put(keys.tree(run), { ...rest, tree, entered: tree.size } satisfies RunTreeRow);
  });
}

/**
 * Gives the last events of a run that has ended their places. Its seal does that too; whoever has a lane for it does it
 * there.
 */
export async function sequenceEnded(deps: FlowDeps, run: string): Promise<void> {
  const row = await peek<RunRow>(deps, keys.run(run));
  if (row?.completedAtMs !== undefined && !row.bundle && !row.recovered) await sequence(deps, run);
}
