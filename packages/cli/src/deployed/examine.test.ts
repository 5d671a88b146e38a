import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Deployment } from '@waybill/client/deployment';
import { type Answers, answeredClients, awsError } from '../../test/answered-clients.ts';
import { examine, type Finding } from './examine.ts';

const ARN = 'arn:aws:kms:eu-central-1:123456789012:key';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/waybill/wrapper@${DIGEST}`;

const DEPLOYMENT: Deployment = {
  format: 'waybill-deployment/v1',
  origin: 'example.com/waybill',
  account: '123456789012',
  region: 'eu-central-1',
  buckets: { inbox: 'the-inbox', staging: 'the-staging', artifacts: 'the-artifacts', ledger: 'the-ledger' },
  keys: { attest: [`${ARN}/attest`], log: [`${ARN}/log`], data: `${ARN}/data` },
  retention: 'COMPLIANCE:3650',
  table: 'waybill',
  stateMachine: 'arn:aws:states:eu-central-1:123456789012:stateMachine:attempt:live',
  cluster: 'waybill',
  deadLetterQueues: ['https://sqs.eu-central-1.amazonaws.com/123456789012/waybill-submit-dead'],
  images: [IMAGE],
  reconcileSchedule: 'waybill-reconcile',
};

const SPEC_OF: Readonly<Record<string, string>> = {
  attest: 'ECC_NIST_P256',
  log: 'ECC_NIST_EDWARDS25519',
  data: 'SYMMETRIC_DEFAULT',
};

function described(keyId: unknown, KeyState: string): object {
  const use = String(keyId).split('/').at(-1) ?? '';
  const KeyUsage = use === 'data' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY';
  return { KeyMetadata: { KeyState, KeySpec: SPEC_OF[use], KeyUsage } };
}

/** An account in which everything is as it has to be. */
const SOUND: Answers = {
  GetCallerIdentity: () => ({ Account: '123456789012', Arn: 'arn:aws:iam::123456789012:user/zoe' }),
  GetBucketEncryption: ({ Bucket }) => ({
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: Bucket === 'the-ledger' ? 'AES256' : 'aws:kms' } }],
    },
  }),
  GetBucketVersioning: ({ Bucket }) => (Bucket === 'the-staging' ? {} : { Status: 'Enabled' }),
  GetPublicAccessBlock: () => ({
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
  }),
  GetObjectLockConfiguration: () => ({ ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } }),
  GetBucketLifecycleConfiguration: () => awsError('NoSuchLifecycleConfiguration', 404),
  DescribeKey: ({ KeyId }) => described(KeyId, 'Enabled'),
  GetKeyRotationStatus: () => ({ KeyRotationEnabled: true }),
  DescribeTable: () => ({
    Table: {
      TableStatus: 'ACTIVE',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      DeletionProtectionEnabled: true,
      SSEDescription: { SSEType: 'KMS' },
    },
  }),
  DescribeContinuousBackups: () => ({
    ContinuousBackupsDescription: { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' } },
  }),
  DescribeStateMachineAlias: () => ({
    routingConfiguration: [
      { stateMachineVersionArn: `${DEPLOYMENT.stateMachine?.replace(':live', ':7')}`, weight: 100 },
    ],
  }),
  DescribeStateMachine: () => ({ type: 'STANDARD', loggingConfiguration: { level: 'ERROR' } }),
  DescribeClusters: () => ({ clusters: [{ status: 'ACTIVE' }] }),
  GetServiceQuota: () => ({ Quota: { Value: 1000 } }),
  DescribeImages: () => ({ imageDetails: [{ imageDigest: DIGEST }] }),
  GetQueueAttributes: () => ({ Attributes: { ApproximateNumberOfMessages: '0' } }),
  DescribeRule: () => ({ State: 'ENABLED' }),
};

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
  assert.equal(new Set(found.map(({ check }) => check)).size, 15);
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
    what: 'the quota of a new account',
    answers: { GetServiceQuota: () => ({ Quota: { Value: 6 } }) },
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
  const unversioned = ['bucket inbox fail', 'bucket ledger fail'];
  assert.deepEqual(await complaints({ GetBucketVersioning: () => ({}) }), unversioned);
});

test('doctor: what may not be looked at fails, and the other checks go on', async () => {
  assert.deepEqual(await complaints({ DescribeTable: () => awsError('AccessDeniedException', 400) }), ['table fail']);
  assert.deepEqual(await complaints({ HeadBucket: () => awsError('NotFound', 404) }).then((all) => all.length), 4);
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
