import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Deployment } from '@waybill/client/deployment';
import { type Answers, answeredClients, awsError } from '../../test/answered-clients.ts';
import { DEPLOYMENT, described, SOUND, trigger } from '../../test/sound-account.ts';
import { examine, type Finding } from './examine.ts';

async function findings(answers: Answers = {}, deployment: Deployment = DEPLOYMENT): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of examine(answeredClients({ ...SOUND, ...answers }).clients, deployment))
    found.push(finding);
  return found;
}

/** What is not as it should be, as `check verdict`, each once. */
async function complaints(answers: Answers, deployment?: Deployment): Promise<string[]> {
  const found = (await findings(answers, deployment)).filter(({ verdict }) => verdict !== 'ok');
  for (const { fix } of found) assert.ok(fix !== undefined && fix.length > 5, 'every complaint says what to do');
  return [...new Set(found.map(({ check, verdict }) => `${check} ${verdict}`))];
}

test('doctor: a sound account gives nothing but good findings, on every check', async () => {
  const found = await findings();
  assert.deepEqual(
    found.filter(({ verdict }) => verdict !== 'ok'),
    [],
  );
  assert.equal(new Set(found.map(({ check }) => check)).size, 18);
});

const BROKEN: readonly { what: string; answers: Answers; expected: string }[] = [
  {
    what: 'another account',
    answers: { GetCallerIdentity: () => ({ Account: '1', Arn: 'x' }) },
    expected: 'identity fail',
  },
  { what: 'a lock that is off', answers: { GetObjectLockConfiguration: () => ({}) }, expected: 'bucket ledger fail' },
  {
    what: 'no lock at all',
    answers: { GetObjectLockConfiguration: () => awsError('ObjectLockConfigurationNotFoundError', 404) },
    expected: 'bucket ledger fail',
  },
  {
    what: 'evidence that expires',
    answers: { GetBucketLifecycleConfiguration: () => ({ Rules: [{ Status: 'Enabled', Expiration: { Days: 1 } }] }) },
    expected: 'bucket ledger fail',
  },
  {
    what: 'a key about to be deleted',
    answers: {
      DescribeKey: ({ KeyId }) => described(KeyId, String(KeyId).endsWith('log') ? 'PendingDeletion' : 'Enabled'),
    },
    expected: 'keys log fail',
  },
  { what: 'no rotation', answers: { GetKeyRotationStatus: () => ({}) }, expected: 'keys data warn' },
  { what: 'no backups', answers: { DescribeContinuousBackups: () => ({}) }, expected: 'table fail' },
  { what: 'an alias to nowhere', answers: { DescribeStateMachineAlias: () => ({}) }, expected: 'state machine fail' },
  { what: 'no cluster', answers: { DescribeClusters: () => ({ clusters: [] }) }, expected: 'cluster fail' },
  {
    what: 'fewer vCPUs than the slots of the queues take',
    answers: {
      GetServiceQuota: ({ ServiceCode }) => ({ Quota: { Value: ServiceCode === 'fargate' ? 6 : 1000 } }),
    },
    expected: 'quotas warn',
  },
  {
    what: 'no image',
    answers: { DescribeImages: () => awsError('ImageNotFoundException', 400) },
    expected: 'images fail',
  },
  {
    what: 'messages that nobody handled',
    answers: { GetQueueAttributes: () => ({ Attributes: { ApproximateNumberOfMessages: '3' } }) },
    expected: 'dead letters fail',
  },
  {
    what: 'a trigger that somebody turned off',
    answers: { ListEventSourceMappings: () => trigger({ State: 'Disabled' }) },
    expected: 'triggers fail',
  },
  { what: 'no trigger', answers: { ListEventSourceMappings: () => ({}) }, expected: 'triggers fail' },
  {
    what: 'a trigger whose function fails',
    answers: { ListEventSourceMappings: () => trigger({ LastProcessingResult: 'PROBLEM: Function call failed' }) },
    expected: 'triggers warn',
  },
  {
    what: 'a trigger that is being made',
    answers: { ListEventSourceMappings: () => trigger({ State: 'Creating' }) },
    expected: 'triggers warn',
  },
  { what: 'no log of the network', answers: { DescribeFlowLogs: () => ({}) }, expected: 'network log fail' },
  {
    what: 'a log of the network that is not delivered',
    answers: { DescribeFlowLogs: () => ({ FlowLogs: [{ FlowLogStatus: 'ACTIVE', DeliverLogsStatus: 'FAILED' }] }) },
    expected: 'network log fail',
  },
  {
    what: 'an address that never confirmed',
    answers: { GetTopicAttributes: () => ({ Attributes: { SubscriptionsConfirmed: '0', SubscriptionsPending: '1' } }) },
    expected: 'alarms fail',
  },
  {
    what: 'one address of two that never confirmed',
    answers: { GetTopicAttributes: () => ({ Attributes: { SubscriptionsConfirmed: '1', SubscriptionsPending: '1' } }) },
    expected: 'alarms warn',
  },
  {
    what: 'what is staged and never goes',
    answers: { GetBucketLifecycleConfiguration: () => awsError('NoSuchLifecycleConfiguration', 404) },
    expected: 'bucket staging warn',
  },
  { what: 'a stopped clock', answers: { DescribeRule: () => ({ State: 'DISABLED' }) }, expected: 'schedule fail' },
];

for (const { what, answers, expected } of BROKEN) {
  test(`doctor: ${what} is found`, async () => {
    assert.deepEqual(await complaints(answers), [expected]);
  });
}

test('doctor: open buckets, unencrypted ones and lost versions are found in each of them', async () => {
  const each = ['inbox', 'staging', 'artifacts', 'ledger'].map((role) => `bucket ${role} fail`);
  assert.deepEqual(
    await complaints({ GetPublicAccessBlock: () => awsError('NoSuchPublicAccessBlockConfiguration', 404) }),
    each,
  );
  assert.deepEqual(
    await complaints({ GetBucketEncryption: () => awsError('ServerSideEncryptionConfigurationNotFoundError', 404) }),
    each,
  );
  const silent = ['bucket inbox fail', 'bucket staging fail'];
  assert.deepEqual(await complaints({ GetBucketNotificationConfiguration: () => ({}) }), silent);
  const unversioned = ['bucket inbox fail', 'bucket ledger fail'];
  assert.deepEqual(await complaints({ GetBucketVersioning: () => ({}) }), unversioned);
});

test('doctor: what may not be looked at fails, and the other checks go on', async () => {
  assert.deepEqual(await complaints({ DescribeTable: () => awsError('AccessDeniedException', 400) }), ['table fail']);
  assert.deepEqual(await complaints({ HeadBucket: () => awsError('NotFound', 404) }).then((all) => all.length), 4);
});

test('doctor: credentials that AWS does not take are said once, with the names of all checks that need them', async () => {
  const all = [...new Set((await findings()).map(({ check }) => check))];
  const refused = () => awsError('ExpiredTokenException', 400);
  for (const [answers, first] of [
    [{ GetCallerIdentity: refused }, 'identity'],
    [{ DescribeTable: refused }, 'table'],
  ] as const) {
    const failed = (await findings(answers)).filter(({ verdict }) => verdict !== 'ok');
    assert.deepEqual(
      failed.map(({ check, verdict }) => [check, verdict]),
      [
        [first, 'fail'],
        ['not examined', 'fail'],
      ],
    );
    const rest = all.slice(all.indexOf(first) + 1).join(', ');
    assert.ok(failed[0]?.detail.includes('CREDENTIALS_INVALID'));
    assert.ok(failed[1]?.detail.endsWith(` of ${rest}`), failed[1]?.detail);
  }
});

test('doctor: what the deployment file does not name is said and never taken for good', async () => {
  const { format, origin, account, region } = DEPLOYMENT;
  const found = await findings({}, { format, origin, account, region, buckets: {} });
  const good = new Set(found.filter(({ verdict }) => verdict === 'ok').map(({ check }) => check));
  assert.deepEqual([...good], ['identity', 'quotas']);
});

test('doctor: it asks for nothing but what reads', () => {
  const files = globSync('*.ts', { cwd: import.meta.dirname }).filter((file) => !file.endsWith('.test.ts'));
  const commands = files.flatMap((file) => {
    const imports = readFileSync(join(import.meta.dirname, file), 'utf8').match(/\b[A-Z]\w+Command\b/g);
    return imports ?? [];
  });
  assert.ok(commands.length > 20);
  assert.deepEqual(
    commands.filter((command) => !/^(Get|Describe|Head|List)/.test(command)),
    [],
  );
});
