/** Events of a deployment on a bus of its own, as a rule of somebody else takes them from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { RetryableError } from '@waybill/client/errors';
import { createBusNotifier } from '#adapters/aws/notifier.ts';
import type { BusEvent } from '#core/bus-events.ts';
import { until } from '../support/processes.ts';
import { start } from './beds/ministack.ts';

const done = (item: string): BusEvent => ({
  type: 'item.done',
  detail: { v: 1, id: `r/item/${item}`, run: 'r', at: '2026-11-21T05:00:00.000Z', item, attempts: 1 },
});

test('notifier: more events than one request takes arrive where a rule sends them, and others do not', async () => {
  const bed = await start();
  try {
    const asRoot = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
    const [client, queues] = [new EventBridgeClient(asRoot), new SQSClient(asRoot)];
    await client.send(new CreateEventBusCommand({ Name: 'waybill' }));
    const { QueueUrl = '' } = await queues.send(new CreateQueueCommand({ QueueName: 'heard' }));
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
    const Arn = (await queues.send(asked)).Attributes?.QueueArn ?? '';
    const EventPattern = JSON.stringify({ source: ['waybill'], 'detail-type': ['item.done'] });
    await client.send(new PutRuleCommand({ Name: 'done', EventBusName: 'waybill', EventPattern }));
    const Targets = [{ Id: 'queue', Arn }];
    await client.send(new PutTargetsCommand({ Rule: 'done', EventBusName: 'waybill', Targets }));
    const events = Array.from({ length: 23 }, (_, n) => done(`i${n}`));
    const { detail } = done('x');
    const other: BusEvent = {
      type: 'run.aborted',
      detail: { v: 1, id: 'r/aborted', run: 'r', at: detail.at, reason: '' },
    };
    await createBusNotifier({ client, bus: 'waybill' }).notify([other, ...events]);
    const heard: { 'detail-type': string; detail: { id: string } }[] = [];
    await until(async () => {
      const { Messages = [] } = await queues.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      heard.push(...Messages.map(({ Body }) => JSON.parse(Body ?? '')));
      return heard.length >= events.length;
    });
    assert.deepEqual(heard.map((each) => each.detail.id).sort(), events.map((event) => event.detail.id).sort());
    const puts = bed.calls.filter(({ headers }) => headers['x-amz-target'] === 'AWSEvents.PutEvents');
    assert.equal(puts.length, 3, 'ten entries a request');
  } finally {
    await bed.stop();
  }
});

test('notifier: events that the bus did not take are an error that may pass', async () => {
  const client = new EventBridgeClient({ region: 'eu-central-1' });
  client.send = async (command: object) => {
    assert.ok(command instanceof PutEventsCommand);
    return { FailedEntryCount: 1, Entries: [{ EventId: '1' }, { ErrorCode: 'ThrottlingException' }] };
  };
  await assert.rejects(
    createBusNotifier({ client, bus: 'waybill' }).notify([done('x'), done('y')]),
    (error) => error instanceof RetryableError && /ThrottlingException/.test(error.problem),
  );
});
