/** The local adapters in a directory of their own, a log that has begun, and queues that keep what they are sent. */
import type { Execute } from '#adapters/in-process/executor.ts';
import type { Key } from '#core/rows.ts';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { adoptKeys } from '#flow/keys.ts';
import { createLane } from '#flow/lane.ts';
import { publishLog } from '#flow/publish.ts';
import { defineQueues } from '#flow/queues.ts';
import { quietHints } from '#lambdas/shared/told.ts';
import type { Message, MessageQueue } from '#ports/message-queue.ts';
import { SUCCEEDED } from './finished-run.ts';
import { interceptPorts, type PortCall } from './intercepted-ports.ts';
import { listeningTold } from './listening-told.ts';
import { withScratch } from './record-bed.ts';

export interface HandlerBed {
  directory: string;
  flow: FlowDeps;
  told: ReturnType<typeof listeningTold>;
  /** Names of the calls of ports so far, as `port.method`. */
  calls: string[];
  /** The body of a row that there is. */
  row<Body extends object>(key: Key): Promise<Body>;
  /** Stands before every call of a port; what it throws, the call throws. */
  before: (call: PortCall) => void;
}

export interface HandlerBedOptions {
  execute?: Execute;
  /** Whether the sequencer has entered the first keys. */
  begun?: boolean;
  /** Of the queue. */
  concurrency?: number;
}

export async function withHandlers(
  use: (bed: HandlerBed) => Promise<void>,
  { execute = () => SUCCEEDED, begun = true, concurrency = 4 }: HandlerBedOptions = {},
): Promise<void> {
  await withScratch(async (directory) => {
    const { deps, store, inbox } = await composeInProcess(directory, execute, { leaseMs: 600_000 });
    const told = listeningTold();
    const row: HandlerBed['row'] = async (key) => {
      const [found] = await store.get([key]);
      if (!found) throw new RangeError(`there is no row ${key.pk} ${key.sk}`);
      return found.body as never;
    };
    const bed: HandlerBed = { directory, told, row, calls: [], before: () => {}, flow: undefined as never };
    const intercepted = interceptPorts(deps, (call, proceed) => {
      bed.calls.push(`${call.port}.${call.method}`);
      bed.before(call);
      return proceed();
    });
    bed.flow = { ...intercepted, hints: quietHints(told), lane: createLane() };
    try {
      if (begun) {
        await defineQueues(bed.flow, { default: { concurrency } });
        await adoptKeys(bed.flow);
        await publishLog(bed.flow);
      }
      bed.calls.length = 0;
      await use(bed);
    } finally {
      inbox.unwatch();
      await store.close();
    }
  });
}

/** A queue that carries nothing and keeps it all. */
export function keepingQueue(): MessageQueue & { sent: Message[] } {
  const sent: Message[] = [];
  return { sent, send: async (messages) => void sent.push(...messages) };
}

/** An event of SQS with these bodies; their ids are m0, m1 and so on. Text stays as it is. */
export function queueEvent(...bodies: (object | string)[]): object {
  const text = (body: object | string): string => (typeof body === 'string' ? body : JSON.stringify(body));
  return { Records: bodies.map((body, n) => ({ messageId: `m${n}`, body: text(body) })) };
}

export function failedIds(response: { batchItemFailures: { itemIdentifier: string }[] } | undefined): string[] {
  return response?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) ?? [];
}
