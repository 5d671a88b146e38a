/** What an operator says of a queue, in queues.json or in the properties of a deployment. */
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';

/** At most `starts` in a burst, and so many each `perSeconds` from then on. */
export interface StartRate {
  starts: number;
  perSeconds: number;
}

/** open: as usual. paused: takes submissions and starts nothing. draining: takes none and goes on with what it has. */
export type QueueState = 'open' | 'paused' | 'draining';

export interface QueueDefinition {
  /** Items at once. */
  concurrency: number;
  rate?: StartRate;
  state?: QueueState;
}

export type QueueDefinitions = Record<string, QueueDefinition>;

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const STATES = ['open', 'paused', 'draining'] as const;

/** What an operator wrote. Throws TerminalError USAGE with the path of what is wrong. */
export function readQueues(document: unknown, name: string): QueueDefinitions {
  const kind: DocumentKind = { code: 'USAGE', name };
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    new DocumentReader(document, name, kind);
  }
  const queues: QueueDefinitions = {};
  for (const [queue, value] of Object.entries(document as object)) {
    const reader = new DocumentReader(value, `${name} ${queue}`, kind);
    if (!NAME.test(queue)) reader.refuse('name', 'is no name of a queue');
    const rate = reader.has('rate') ? rateOf(reader.object('rate')) : undefined;
    queues[queue] = reader.close({
      concurrency: reader.integer('concurrency', 1, 1_000),
      ...(rate === undefined ? {} : { rate }),
      ...(reader.has('state') ? { state: reader.oneOf('state', STATES) } : {}),
    });
  }
  return queues;
}

function rateOf(reader: DocumentReader): StartRate {
  const starts = reader.integer('starts', 1, 10_000);
  return reader.close({ starts, perSeconds: reader.integer('perSeconds', 1, 86_400) });
}
