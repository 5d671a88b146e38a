/**
 * A table's stream as DynamoDB has one: every change in order within its partition, partitions beside each other, and a
 * batch again and again from the record that failed, up to a number of tries.
 */
import { stateAttribute } from '#adapters/aws/row-body.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';

const TRIES = 5;
const BATCH = 10;

export interface StreamRecord {
  dynamodb: { SequenceNumber: string; [more: string]: unknown };
}

/** One reader of the stream; each has a place of its own in every partition. */
export interface FakeStream {
  push(change: RowChange): void;
  partitions(): string[];
  /** Delivers a batch of a partition. `again`: once more after it was answered, as if the answer had been lost. */
  deliver(partition: string, handle: (event: object) => Promise<BatchResponse>, again: boolean): Promise<void>;
  /** Records that were tried too often and went to the on-failure queue. */
  readonly givenUp: StreamRecord[];
}

/** @param isLost records that this reader never gets */
export function createFakeStream(isLost: (change: RowChange) => boolean = () => false): FakeStream {
  const waiting = new Map<string, { record: StreamRecord; tries: number }[]>();
  const givenUp: StreamRecord[] = [];
  let sequence = 0;
  return {
    givenUp,
    push(change) {
      sequence += 1;
      if (isLost(change)) return;
      const partition = waiting.get(change.pk) ?? [];
      waiting.set(change.pk, partition);
      partition.push({ record: streamRecord(change, sequence), tries: 0 });
    },
    partitions: () => [...waiting].filter(([, records]) => records.length > 0).map(([pk]) => pk),
    async deliver(pk, handle, again) {
      const records = waiting.get(pk) ?? [];
      const batch = records.slice(0, BATCH);
      const event = { Records: batch.map(({ record }) => record) };
      let { batchItemFailures } = await handle(event);
      if (again) ({ batchItemFailures } = await handle(event));
      const failed = batchItemFailures[0]?.itemIdentifier;
      const done = failed === undefined ? batch.length : batch.findIndex((each) => sequenceOf(each) === failed);
      records.splice(0, done);
      const first = failed === undefined ? undefined : records[0];
      if (first === undefined) return;
      first.tries += 1;
      if (first.tries < TRIES) return;
      givenUp.push(first.record);
      records.shift();
    },
  };
}

function sequenceOf({ record }: { record: StreamRecord }): string {
  return record.dynamodb.SequenceNumber;
}

/** As the machine and the launcher write it. */
function plain(body: object): object {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, typeof value === 'boolean' ? { BOOL: value } : { S: value }]),
  );
}

function row(body: object, text: string): object {
  return { version: { N: '1' }, ...stateAttribute(body), body: { S: text } };
}

/** As the table stores rows: the body as text. */
export function streamRecord(
  { pk, sk, before, after }: RowChange,
  sequence: number,
  textOf: (body: object) => string = JSON.stringify,
): StreamRecord {
  const image = (body: object | null): object | undefined =>
    body === null
      ? undefined
      : { pk: { S: pk }, sk: { S: sk }, ...(sk === 'execution' ? plain(body) : row(body, textOf(body))) };
  const images = Object.entries({ OldImage: image(before), NewImage: image(after) }).filter(([, each]) => each);
  return {
    dynamodb: {
      Keys: { pk: { S: pk }, sk: { S: sk } },
      ...Object.fromEntries(images),
      SequenceNumber: String(sequence).padStart(21, '0'),
    },
  };
}
