/** What the sequencer is asked for. Messages repeat what rows say: order among them means nothing, and a lost one is sent again. */
import * as z from 'zod/mini';
import type { SequencerWork } from '#core/row-changes.ts';
import type { Message } from '#ports/message-queue.ts';

const run = z.string().check(z.regex(/^[0-9a-f]{32}$/));

export const sequencerMessage = z.union([
  z.object({ do: z.enum(['opened', 'ended', 'abort']), run }),
  /** Somebody else appended entries to the log. */
  z.object({ do: z.literal('publish') }),
  /** Once a minute: settings and heartbeat of the log, and a look at runs that are not sealed. */
  z.object({ do: z.literal('tick') }),
]);

export type SequencerMessage = z.output<typeof sequencerMessage>;

/** @param cause names what is sent for: the same message for the same cause is carried once */
export function sequencerMessageFor(work: SequencerMessage | SequencerWork, cause: string): Message {
  const about = 'run' in work ? `-${work.run}` : '';
  return { body: work, id: `${cause}-${work.do}${about}` };
}
