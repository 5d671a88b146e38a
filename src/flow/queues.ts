import { keys, type QueueRow, type QueuesRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/**
 * Makes the queues that are configured and sets their concurrency. Who holds a slot keeps it; a lower number waits for
 * ends. A queue that is configured no more has no slots from now on, and takes no submissions.
 */
export async function defineQueues(deps: FlowDeps, queues: Record<string, { concurrency: number }>): Promise<void> {
  const known = await knownQueues(deps);
  for (const name of new Set([...known, ...Object.keys(queues)])) {
    await decide(deps, (draft) => defineQueue(draft, name, queues[name]?.concurrency ?? 0));
  }
}

async function defineQueue(draft: Draft, name: string, concurrency: number): Promise<void> {
  const queue = await draft.readOne<QueueRow>(keys.queue(name));
  if (queue?.concurrency === concurrency) return;
  draft.put(keys.queue(name), { concurrency, holders: queue?.holders ?? [] } satisfies QueueRow);
  const names = (await draft.readOne<QueuesRow>(keys.queues()))?.names ?? [];
  if (!names.includes(name)) draft.put(keys.queues(), { names: [...names, name].sort() } satisfies QueuesRow);
}

/** Every queue that was ever defined: attempts may hold slots of one that is gone. */
export async function knownQueues(deps: FlowDeps): Promise<string[]> {
  return (await peek<QueuesRow>(deps, keys.queues()))?.names ?? [];
}
