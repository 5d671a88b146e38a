/** Runs whose end somebody outside is told of, once or not at all. */
import assert from 'node:assert/strict';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { callbackKey } from '#core/callback.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { type Heard, isSignedBy } from '../support/callback-server.ts';
import { until } from '../support/processes.ts';
import type { World } from './deployed-world.ts';
import { KEPT } from './kept-secrets.ts';
import { accepted, asRoot, assertVerified, isEmpty, type Scenarios } from './scenario.ts';

const specOf = (callback: string): object => ({
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'told' },
  spec: { callback, items: [{ id: 'a', pipeline: [{ block: 'script', run: 'true' }] }] },
});

function heardOf({ heard }: World, run: string): Heard[] {
  return heard.filter(({ body }) => body.includes(run));
}

/** The run's row has what became of it, and nothing stands there any more that somebody could send. */
async function callbackOf(world: World, run: string): Promise<RunRow['callback']> {
  const store = createTableRunStore({ client: new DynamoDBClient(asRoot(world)), table: world.deployed.names.table });
  let callback: RunRow['callback'];
  await until(async () => {
    const [row, due] = await store.get([keys.run(run), callbackKey(run)]);
    callback = (row?.body as RunRow | undefined)?.callback;
    return callback !== undefined && due === null;
  });
  return callback;
}

/** As the stream and the reconciler may, once more each. */
async function askedAgain(world: World, run: string): Promise<void> {
  const sqs = new SQSClient(asRoot(world));
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: world.deployed.names.queue('notify') }));
  const MessageBody = JSON.stringify({ run });
  for (let n = 0; n < 2; n += 1) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await until(() => isEmpty(world, 'notify'));
}

async function toldOnce(world: World): Promise<void> {
  const run = await accepted(world, specOf('takes'), 'told');
  const status = await world.sealed('told');
  assert.deepEqual(await callbackOf(world, run), {
    endpoint: 'takes',
    state: 'delivered',
    detail: 'it was answered with 204',
  });
  await askedAgain(world, run);
  const [one, ...others] = heardOf(world, run);
  assert.ok(one !== undefined);
  assert.deepEqual([one.path, others.length], ['/takes', 0]);
  assert.equal(isSignedBy(Buffer.from(KEPT.callback), one), true);
  assert.equal(isSignedBy(Buffer.from(KEPT.token), one), false, 'another key signs otherwise');
  const { id, state, sealed, origin } = JSON.parse(one.body);
  assert.deepEqual([id, state, origin], [`${run}/callback`, 'done', world.deployed.origin]);
  assert.equal(sealed.bundle, status.bundle?.sha256);
  await assertVerified(world, status);
}

async function notTaken(world: World): Promise<void> {
  const run = await accepted(world, specOf('refuses'), 'undelivered');
  const isWarned = (line: string): boolean =>
    line === 'UNDELIVERED: the callback to refuses: it was answered with 302; it is not sent again';
  await world.reached('undelivered', 'shown as undelivered', ({ warnings }) => warnings.some(isWarned));
  assert.equal((await callbackOf(world, run))?.state, 'undelivered');
  await askedAgain(world, run);
  assert.deepEqual(
    heardOf(world, run).map(({ path }) => path),
    ['/refuses'],
    'nobody is followed elsewhere, and nothing is sent again',
  );
}

async function nobody(world: World): Promise<void> {
  const { status, reasons } = await world.submit(specOf('nobody'), 'told-nobody');
  assert.equal(status, 'invalid');
  assert.deepEqual(reasons, [
    {
      code: 'SPEC_UNKNOWN_REFERENCE',
      path: 'spec.callback',
      problem: 'the deployment names nobody "nobody"',
      fix: 'Use one of refuses, takes.',
    },
  ]);
}

export const CALLBACKS: Scenarios = {
  'whoever a run names is told of its end once, by a key of the account': toldOnce,
  'an end that was not taken is in the status, and is not told again': notTaken,
  'a run that names somebody whom the deployment does not is refused': nobody,
};
