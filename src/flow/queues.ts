import { keys, type QueueRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { decide } from '#flow/transaction.ts';

/** Makes the queues that are configured and sets their concurrency. Who holds a slot keeps it; a lower number waits for ends. */
export async function defineQueues(deps: FlowDeps, queues: Record<string, { concurrency: number }>): Promise<void> {
  for (const [name, { concurrency }] of Object.entries(queues)) {
    await decide(deps, async (draft) => {
      const queue = await draft.readOne<QueueRow>(keys.queue(name));
      if (queue?.concurrency === concurrency) return;
      draft.put(keys.queue(name), { concurrency, holders: queue?.holders ?? [] } satisfies QueueRow);
    });
  }
}
