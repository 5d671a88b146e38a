/** What an operator says of a queue, in queues.json or in the properties of a deployment. */
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';

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

export const QUEUES_FIX = 'docs/how-to/define-queues.md says how queues are defined.';
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const STATES = ['open', 'paused', 'draining'] as const;

/** What an operator wrote. Throws TerminalError USAGE with the paths of all that is wrong. */
export function readQueues(document: unknown, name: string): QueueDefinitions {
  const kind: DocumentKind = { code: 'USAGE', name, fix: QUEUES_FIX };
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    new DocumentReader(document, name, kind);
  }
  const mistakes = new Mistakes();
  const queues: QueueDefinitions = {};
  for (const [queue, value] of Object.entries(document as object)) {
    const definition = mistakes.reading(() => definitionOf(new DocumentReader(value, `${name}.${queue}`, kind), queue));
    if (definition !== undefined) queues[queue] = definition;
  }
  mistakes.settle();
  return queues;
}

function definitionOf(reader: DocumentReader, queue: string): QueueDefinition {
  const mistakes = new Mistakes();
  mistakes.reading(() => NAME.test(queue) || reader.refuse('name', 'is no name of a queue'));
  const concurrency = mistakes.reading(() => reader.integer('concurrency', 1, 1_000));
  const rate = mistakes.reading(() => (reader.has('rate') ? rateOf(reader.object('rate')) : undefined));
  const state = mistakes.reading(() => (reader.has('state') ? reader.oneOf('state', STATES) : undefined));
  mistakes.unknownKeys(reader);
  mistakes.settle();
  return {
    concurrency: concurrency as number,
    ...(rate === undefined ? {} : { rate }),
    ...(state === undefined ? {} : { state }),
  };
}

function rateOf(reader: DocumentReader): StartRate {
  const mistakes = new Mistakes();
  const starts = mistakes.reading(() => reader.integer('starts', 1, 10_000));
  const perSeconds = mistakes.reading(() => reader.integer('perSeconds', 1, 86_400));
  mistakes.unknownKeys(reader);
  mistakes.settle();
  return { starts: starts as number, perSeconds: perSeconds as number };
}
