import type { QueueDefinition, QueueDefinitions } from '#core/queue-definition.ts';
import type { QueueRow, QueuesRow } from '#core/queue-rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/**
 * Makes the queues that are configured and sets what they are. Who holds a slot keeps it; a lower number waits for
 * ends. A queue that is configured no more has no slots from now on, and takes no submissions.
 */
export async function defineQueues(deps: FlowDeps, queues: QueueDefinitions): Promise<void> {
  const known = await knownQueues(deps);
  for (const name of new Set([...known, ...Object.keys(queues)])) {
    await decide(deps, (draft) => defineQueue(draft, name, queues[name] ?? { concurrency: 0 }));
  }
}

async function defineQueue(draft: Draft, name: string, definition: QueueDefinition): Promise<void> {
  const queue = await draft.readOne<QueueRow>(keys.queue(name));
  const { concurrency, rate, state = 'open' } = definition;
  const isSameRate = JSON.stringify(rate) === JSON.stringify(queue?.rate);
  if (queue?.concurrency === concurrency && isSameRate && state === (queue.state ?? 'open')) return;
  // Another rate begins with a full bucket.
  const pace = rate === undefined ? {} : { rate, ...(isSameRate && queue?.bucket ? { bucket: queue.bucket } : {}) };
  const row: QueueRow = {
    concurrency,
    ...pace,
    ...(state === 'open' ? {} : { state }),
    ...(queue?.purse === undefined ? {} : { purse: queue.purse }),
    holders: queue?.holders ?? [],
  };
  draft.put(keys.queue(name), row);
  const names = (await draft.readOne<QueuesRow>(keys.queues()))?.names ?? [];
  if (!names.includes(name)) draft.put(keys.queues(), { names: [...names, name].sort() } satisfies QueuesRow);
}

/** Every queue that was ever defined: attempts may hold slots of one that is gone. */
export async function knownQueues(deps: FlowDeps): Promise<string[]> {
  return (await peek<QueuesRow>(deps, keys.queues()))?.names ?? [];
}
