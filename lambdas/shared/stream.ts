/** Records of the table's stream as changes of rows, and what they ask for, each thing once. */
import * as z from 'zod/mini';
import { textOfBody } from '#adapters/aws/row-body.ts';
import { type RowChange, type Work, workOf } from '#core/row-changes.ts';
import type { BatchResponse } from './batch.ts';
import { isLasting, type Told } from './told.ts';

const attribute = z.union([
  z.object({ S: z.string() }),
  z.object({ N: z.string() }),
  z.object({ BOOL: z.boolean() }),
  z.looseObject({}),
]);
const image = z.optional(z.record(z.string(), attribute));
const streamEvent = z.object({
  Records: z.array(z.object({ dynamodb: z.looseObject({ SequenceNumber: z.string() }) })),
});
const rowImages = z.object({
  Keys: z.object({ pk: z.object({ S: z.string() }), sk: z.object({ S: z.string() }) }),
  OldImage: image,
  NewImage: image,
});

/** Work that a batch of records asks for, and the first record that does. */
export interface Asked<W extends Work = Work> {
  work: W;
  sequenceNumber: string;
}

/** A change that the stream brought. */
export interface Brought {
  change: RowChange;
  sequenceNumber: string;
}

/**
 * The changes that the records of an event bring, in their order. A record that cannot be read is told and passed by: a
 * stream stands still behind one that is tried again, and the reconciler reads the row itself.
 */
export function changesOf(event: unknown, told: Told): Brought[] {
  return streamEvent.parse(event).Records.flatMap(({ dynamodb }): Brought[] => {
    const sequenceNumber = dynamodb.SequenceNumber;
    const images = rowImages.safeParse(dynamodb);
    if (!images.success) {
      told.malformed(`record ${sequenceNumber}`, z.prettifyError(images.error));
      return [];
    }
    const { Keys, OldImage, NewImage } = images.data;
    return guarded(sequenceNumber, told, () => {
      const change: RowChange = { pk: Keys.pk.S, sk: Keys.sk.S, before: rowOf(OldImage), after: rowOf(NewImage) };
      return [{ change, sequenceNumber }];
    });
  });
}

/** What changes ask for, each thing once. */
export function askedFor(changes: readonly Brought[], told: Told): Asked[] {
  const asked = new Map<string, Asked>();
  for (const { change, sequenceNumber } of changes) {
    for (const work of guarded(sequenceNumber, told, () => workOf(change))) {
      const name = JSON.stringify(work);
      if (!asked.has(name)) asked.set(name, { work, sequenceNumber });
    }
  }
  return [...asked.values()];
}

export function askedBy(event: unknown, told: Told): Asked[] {
  return askedFor(changesOf(event, told), told);
}

/** What is made of a record; a row that is not as it should be is told and makes nothing. */
export function guarded<T>(sequenceNumber: string, told: Told, make: () => T[]): T[] {
  try {
    return make();
  } catch (error) {
    told.malformed(`record ${sequenceNumber}`, String(error));
    return [];
  }
}

/** A row's body is JSON text, or that deflated; the launcher's rows have attributes of their own. */
function rowOf(attributes: z.output<typeof image>): object | null {
  if (attributes === undefined) return null;
  const text = textOfBody(attributes.body);
  if (text !== null) return JSON.parse(text) as object;
  const plain = Object.entries(attributes).map(([name, value]) => [name, Object.values(value)[0]]);
  return Object.fromEntries(plain);
}

/** What failed and may pass if the stream brings it again, by the records that asked for it. */
export class Retries {
  readonly #told: Told;
  readonly #sequenceNumbers: string[] = [];

  constructor(told: Told) {
    this.#told = told;
  }

  /** Failures that would only repeat themselves are told and left to the reconciler: nobody waits behind them. */
  async attempt({ work, sequenceNumber }: Asked, carryOut: () => Promise<unknown>): Promise<void> {
    await this.tryAt(sequenceNumber, JSON.stringify(work), carryOut);
  }

  /** @param about what is carried out for this record and those after it */
  async tryAt(sequenceNumber: string, about: string, carryOut: () => Promise<unknown>): Promise<void> {
    try {
      await carryOut();
    } catch (error) {
      this.#told.trouble(about, error);
      if (!isLasting(error)) this.#sequenceNumbers.push(sequenceNumber);
    }
  }

  /** The stream begins again with the first record that is named, so one is enough. */
  response(): BatchResponse {
    const first = this.#sequenceNumbers.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))[0];
    return { batchItemFailures: first === undefined ? [] : [{ itemIdentifier: first }] };
  }
}
