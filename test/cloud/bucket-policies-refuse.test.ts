/**
 * Each statement of each bucket's policy, as the policy of a bucket, on the bed that evaluates those. A request is refused
 * while the statement is there and passes when that one statement is taken out: so it is this one that refuses.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import {
  artifactsPolicy,
  type BucketStatement,
  inboxPolicy,
  ledgerPolicy,
  stagingPolicy,
} from '../../lib/bucket-policies.ts';
import { type Ministack, start } from './beds/ministack.ts';

const ROLES = ['engine', 'slot', 'mailbox', 'release', 'seal', 'submitter'] as const;
type Role = (typeof ROLES)[number];
const BUCKETS = ['inbox', 'staging', 'artifacts', 'ledger'] as const;
type Which = (typeof BUCKETS)[number];
const DATA_KEY = 'arn:aws:kms:eu-west-1:000000000000:key/data';
const DAYS = 30;

const role = (name: Role): string => `arn:aws:iam::000000000000:role/policies-${name}`;
const arnOf = (bucket: Which): string => `arn:aws:s3:::policies-${bucket}`;

const POLICIES: Record<Which, readonly BucketStatement[]> = {
  inbox: inboxPolicy({ bucket: arnOf('inbox'), engine: [role('engine')], onBehalf: [role('slot')] }),
  staging: stagingPolicy({
    bucket: arnOf('staging'),
    engine: [role('engine')],
    mailbox: role('mailbox'),
    sealers: [role('release')],
  }),
  artifacts: artifactsPolicy({ bucket: arnOf('artifacts'), dataKey: DATA_KEY, engine: [role('engine')] }),
  ledger: ledgerPolicy({
    bucket: arnOf('ledger'),
    sequencer: [role('seal')],
    retention: { mode: 'COMPLIANCE', days: DAYS },
  }),
};

let bed: Ministack;
const clients = {} as Record<Role | 'root', S3Client>;
/** `aws:userid` of the submitter. */
let self = '';
const settings = () => ({ endpoint: bed.url, region: bed.region, forcePathStyle: true });

before(async () => {
  bed = await start();
  const root = { ...settings(), credentials: bed.credentials };
  const formation = new CloudFormationClient(root);
  await formation.send(
    new CreateStackCommand({
      StackName: 'policies',
      TemplateBody: JSON.stringify(template()),
      Capabilities: ['CAPABILITY_NAMED_IAM'],
    }),
  );
  await stackMade(formation);
  clients.root = new S3Client(root);
  for (const name of BUCKETS) {
    const Bucket = `policies-${name}`;
    await clients.root.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: name === 'ledger' }));
  }
  const sts = new STSClient(root);
  for (const name of ROLES) {
    const { Credentials, AssumedRoleUser } = await sts.send(
      new AssumeRoleCommand({ RoleArn: role(name), RoleSessionName: 'session' }),
    );
    const credentials = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    };
    clients[name] = new S3Client({ ...settings(), credentials });
    if (name === 'submitter') self = AssumedRoleUser?.AssumedRoleId ?? '';
  }
});
after(() => bed.stop());

async function stackMade(formation: CloudFormationClient): Promise<void> {
  for (let state: string | undefined; state !== 'CREATE_COMPLETE'; await delay(50)) {
    const { Stacks } = await formation.send(new DescribeStacksCommand({ StackName: 'policies' }));
    state = Stacks?.[0]?.StackStatus;
    assert.ok(!/FAILED|ROLLBACK/.test(state ?? ''), Stacks?.[0]?.StackStatusReason);
  }
}

function template(): object {
  const statement = (more: object) => ({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...more }] });
  const roles = ROLES.map((name) => [
    name,
    {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: `policies-${name}`,
        AssumeRolePolicyDocument: statement({ Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }),
        Policies: [{ PolicyName: 'all', PolicyDocument: statement({ Action: 's3:*', Resource: '*' }) }],
      },
    },
  ]);
  return { Resources: Object.fromEntries(roles) };
}

async function attach(which: Which, without?: string): Promise<void> {
  const Statement = POLICIES[which].map(({ json }) => json).filter(({ Sid }) => Sid !== without);
  // One submitter asks, so its id may stand where IAM fills it in; the bed with locks shows that it is filled in.
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement }).replaceAll(`\${aws:userid}`, self);
  await clients.root.send(new PutBucketPolicyCommand({ Bucket: `policies-${which}`, Policy }));
}

let written = 0;
type PutRule = Partial<Omit<PutObjectCommandInput, 'Bucket' | 'Body'>>;

const put =
  (which: Which, as: Role, rule: PutRule = {}) =>
  () => {
    written += 1;
    const Key = (rule.Key ?? 'key/$').replaceAll('$self', self).replaceAll('$', String(written));
    return clients[as].send(new PutObjectCommand({ Bucket: `policies-${which}`, Body: 'x', ...rule, Key }));
  };
const once = { IfNoneMatch: '*' } as const;
const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000 + 3_600_000);
const locked = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inDays(DAYS), ...once } as const;
const sealed = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: DATA_KEY, ...once } as const;
const own = { Key: 'inbox/default/$self/$.json' };

/** What the deployment itself does: nothing of it may be refused. */
const HONEST: readonly [Which, string, () => Promise<unknown>][] = [
  ['inbox', 'a submission under the own id', put('inbox', 'submitter', { ...own, ...once })],
  ['inbox', 'an upload under the own id', put('inbox', 'submitter', { Key: 'uploads/$self/$', ...once })],
  ['inbox', 'what is registered', put('inbox', 'submitter', { Key: 'registry/sha256/$', ...once })],
  ['inbox', 'a receipt', put('inbox', 'engine', { Key: 'outbox/somebody/$.json' })],
  [
    'inbox',
    'a slot on behalf of somebody',
    put('inbox', 'slot', { Key: 'inbox/default/somebody/slot-x-$.json', ...once }),
  ],
  [
    'inbox',
    'a schedule that is triggered',
    put('inbox', 'engine', { Key: 'inbox/default/other/trigger-x-$.json', ...once }),
  ],
  ['inbox', 'a control of one’s own', put('inbox', 'submitter', { Key: 'inbox/@control/$self/slot-$.json', ...once })],
  ['inbox', 'what is quarantined', put('inbox', 'engine', { Key: 'quarantine/default/somebody/$.json' })],
  ['staging', 'a lease', put('staging', 'engine', { Key: '$/lease.json' })],
  ['staging', 'a heartbeat', put('staging', 'mailbox', { Key: '$/heartbeat.json' })],
  ['staging', 'a result', put('staging', 'mailbox', { Key: '$/result.json', ...once })],
  ['staging', 'a key to seal to', put('staging', 'mailbox', { Key: '$/key.json', ...once })],
  ['staging', 'what is sealed to it', put('staging', 'release', { Key: '$/sealed.json', ...once })],
  ['artifacts', 'an artifact', put('artifacts', 'engine', { Key: 'sha256/$', ...sealed })],
  ['ledger', 'a root', put('ledger', 'seal', locked)],
];

const REFUSED: readonly [Which, sid: string, string, () => Promise<unknown>][] = [
  [
    'inbox',
    'OwnNameOnly',
    'a submission under another id',
    put('inbox', 'submitter', { Key: 'inbox/default/other/slot-x-$.json', ...once }),
  ],
  [
    'inbox',
    'OnlyRunsOnBehalf',
    'a submission by the slot role that is no run of a schedule',
    put('inbox', 'slot', { Key: 'inbox/default/somebody/$.json', ...once }),
  ],
  [
    'inbox',
    'OnlyRunsOnBehalf',
    'a submission by the engine that is no run of a schedule',
    put('inbox', 'engine', { Key: 'inbox/default/slot-x/$.json', ...once }),
  ],
  [
    'inbox',
    'ControlsByPeople',
    'a control by the slot role, named as the run of a schedule',
    put('inbox', 'slot', { Key: 'inbox/@control/somebody/slot-x-$.json', ...once }),
  ],
  [
    'inbox',
    'ControlsByPeople',
    'a control by the engine, named as the run of a schedule',
    put('inbox', 'engine', { Key: 'inbox/@control/somebody/trigger-x-$.json', ...once }),
  ],
  ['inbox', 'OwnNameOnly', 'a receipt by a submitter', put('inbox', 'submitter', { Key: 'outbox/$self/$.json' })],
  ['inbox', 'SubmitOnce', 'a submission without the condition', put('inbox', 'submitter', own)],
  [
    'inbox',
    'SubmitOnce',
    'a slot without the condition',
    put('inbox', 'slot', { Key: 'inbox/default/somebody/slot-x-$.json' }),
  ],
  ['inbox', 'UploadOnce', 'an upload without the condition', put('inbox', 'submitter', { Key: 'uploads/$self/$' })],
  ['inbox', 'RegisteredOnce', 'a registration without the condition', put('inbox', 'submitter', { Key: 'registry/$' })],
  [
    'inbox',
    'RegisteredByPeople',
    'a registration by the engine',
    put('inbox', 'engine', { Key: 'registry/sha256/$', ...once }),
  ],
  [
    'inbox',
    'RegistryStays',
    'a deletion in the registry',
    () => clients.engine.send(new DeleteObjectCommand({ Bucket: 'policies-inbox', Key: 'registry/sha256/1' })),
  ],
  [
    'inbox',
    'NothingTakenBack',
    'a deletion by a submitter',
    () =>
      clients.submitter.send(
        new DeleteObjectCommand({ Bucket: 'policies-inbox', Key: `inbox/default/${self}/1.json` }),
      ),
  ],
  ['staging', 'StagedOnce', 'a result without the condition', put('staging', 'mailbox', { Key: '$/result.json' })],
  ['staging', 'StagedOnce', 'outputs without the condition', put('staging', 'mailbox', { Key: '$/outputs' })],
  ['staging', 'StagedOnce', 'a key without the condition', put('staging', 'mailbox', { Key: '$/key.json' })],
  ['staging', 'StagedOnce', 'an answer without the condition', put('staging', 'release', { Key: '$/sealed.json' })],
  ['staging', 'SealedByRelease', 'an answer by a worker', put('staging', 'mailbox', { Key: '$/sealed.json', ...once })],
  [
    'staging',
    'SealedByRelease',
    'an answer by the engine',
    put('staging', 'engine', { Key: '$/sealed.json', ...once }),
  ],
  ['staging', 'LeaseByEngine', 'a lease by who reads secrets', put('staging', 'release', { Key: '$/lease.json' })],
  ['staging', 'StagedByWorkers', 'a key by who answers it', put('staging', 'release', { Key: '$/key.json', ...once })],
  ['staging', 'LeaseByEngine', 'a lease by the mailbox role', put('staging', 'mailbox', { Key: '$/lease.json' })],
  ['staging', 'StagedByWorkers', 'a heartbeat by the engine', put('staging', 'engine', { Key: '$/heartbeat.json' })],
  [
    'staging',
    'OwnKeyOnly',
    'a log under S3’s own key',
    put('staging', 'mailbox', { Key: '$/log', ServerSideEncryption: 'AES256' }),
  ],
  [
    'artifacts',
    'StoredByEngine',
    'an artifact by somebody else',
    put('artifacts', 'submitter', { Key: 'sha256/$', ...sealed }),
  ],
  ['artifacts', 'ByDigestOnly', 'another name', put('artifacts', 'engine', { Key: 'md5/$', ...sealed })],
  [
    'artifacts',
    'ArtifactOnce',
    'an artifact without the condition',
    put('artifacts', 'engine', { Key: 'sha256/$', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: DATA_KEY }),
  ],
  [
    'artifacts',
    'DataKeyOnly',
    'an artifact under another key',
    put('artifacts', 'engine', { Key: 'sha256/$', ...sealed, SSEKMSKeyId: 'other' }),
  ],
  [
    'artifacts',
    'ArtifactsStay',
    'a deletion by the engine',
    () => clients.engine.send(new DeleteObjectCommand({ Bucket: 'policies-artifacts', Key: 'sha256/1' })),
  ],
  ['ledger', 'SequencerOnly', 'a root by the engine', put('ledger', 'engine', locked)],
  ['ledger', 'RootOnce', 'a root without the condition', put('ledger', 'seal', { ...locked, IfNoneMatch: undefined })],
  [
    'ledger',
    'LockedAs',
    'a root in the weaker mode',
    put('ledger', 'seal', { ...locked, ObjectLockMode: 'GOVERNANCE' }),
  ],
  [
    'ledger',
    'LockedLongEnough',
    'a short lock',
    put('ledger', 'seal', { ...locked, ObjectLockRetainUntilDate: inDays(DAYS - 1) }),
  ],
  [
    'ledger',
    'LockedNotForever',
    'a long lock',
    put('ledger', 'seal', { ...locked, ObjectLockRetainUntilDate: inDays(DAYS + 2) }),
  ],
  [
    'ledger',
    'NothingGoes',
    'a deletion by the sequencer',
    () => clients.seal.send(new DeleteObjectCommand({ Bucket: 'policies-ledger', Key: 'key/1' })),
  ],
  [
    'ledger',
    'SettingsStay',
    'another setting for versions',
    () =>
      clients.engine.send(
        new PutBucketVersioningCommand({ Bucket: 'policies-ledger', VersioningConfiguration: { Status: 'Enabled' } }),
      ),
  ],
];

describe('bucket policies: with each of them in force', () => {
  for (const [which, title, request] of HONEST) {
    it(`${which}: ${title} passes`, async () => {
      await attach(which);
      await request();
    });
  }

  for (const [which, sid, title, request] of REFUSED) {
    it(`${which}: ${title} is refused, by ${sid} and by nothing else`, async () => {
      await attach(which);
      await assert.rejects(request, { name: 'AccessDenied' });
      await attach(which, sid);
      await request();
    });
  }

  it('ledger: a root without a lock, and a legal hold, are refused', async () => {
    await attach('ledger');
    await assert.rejects(put('ledger', 'seal', once), { name: 'AccessDenied' });
    const hold = { Bucket: 'policies-ledger', Key: 'key', LegalHold: { Status: 'ON' } } as const;
    await assert.rejects(clients.seal.send(new PutObjectLegalHoldCommand(hold)), { name: 'AccessDenied' });
  });

  it('every statement is held against a request here', () => {
    const shown = new Set([...REFUSED.map(([, sid]) => sid), 'LockTimed', 'HoldsByLegal']);
    const written = Object.values(POLICIES).flatMap((statements) => statements.map(({ json }) => json.Sid));
    assert.deepEqual(
      written.filter((sid) => !shown.has(sid)),
      [],
    );
  });
});
