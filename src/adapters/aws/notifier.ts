/** Notifier on an event bus of the deployment's own; rules of others take from it what they want. */
import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { RetryableError } from '@waybill/client/errors';
import { awsFailure } from '#adapters/aws/aws-failure.ts';
import type { BusEvent } from '#core/bus-events.ts';
import type { Notifier } from '#ports/notifier.ts';

export interface BusSettings {
  client: EventBridgeClient;
  bus: string;
}

/** What rules match on, beside the type. */
const SOURCE = 'waybill';
/** Entries of one request. An event is far below the 256 KB that a request may have in all. */
const ENTRIES = 10;

export function createBusNotifier({ client, bus }: BusSettings): Notifier {
  async function put(events: readonly BusEvent[]): Promise<void> {
    const Entries = events.map(({ type, detail }) => ({
      EventBusName: bus,
      Source: SOURCE,
      DetailType: type,
      Detail: JSON.stringify(detail),
      Time: new Date(detail.at),
    }));
    const answer = await client.send(new PutEventsCommand({ Entries })).catch((error: unknown) => {
      throw awsFailure(bus, error);
    });
    if ((answer.FailedEntryCount ?? 0) === 0) return;
    const failed = answer.Entries?.find(({ ErrorCode }) => ErrorCode !== undefined);
    throw new RetryableError({
      code: 'STORE_BUSY',
      path: bus,
      problem: `${answer.FailedEntryCount} events were not taken: ${failed?.ErrorCode} ${failed?.ErrorMessage ?? ''}`,
      fix: 'Give them again; the quota of PutEvents can be raised.',
    });
  }

  return {
    async notify(events) {
      for (let from = 0; from < events.length; from += ENTRIES) await put(events.slice(from, from + ENTRIES));
    },
  };
}
