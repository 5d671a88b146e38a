/** Whether the process of a worker may serve other attempts before and after an attempt with this job. */
import type { Job } from './mailbox-protocol.ts';
import { hasChannel } from './named-secrets.ts';

/**
 * Only where every block is kept out of the reach of the worker's process by a sandbox, and the worker itself is to hold nothing for
 * them that is worth keeping from others: no secret, no session with a model, no way out.
 */
export function mayShareWorker(job: Pick<Job, 'egress' | 'isolation' | 'pipeline'>): boolean {
  const isPlain = job.pipeline.every((block) => block.block !== 'agent' || block.adapter === 'command');
  return job.isolation === 'bubblewrap' && job.egress === undefined && isPlain && !hasChannel(job);
}
