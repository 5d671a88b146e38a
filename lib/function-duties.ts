import type { FunctionName } from './deployment-names.ts';
import type { RoleFacts } from './role-table.ts';
import type { Statement } from './statement.ts';
import type { Vocabulary } from './statements.ts';

/** What each function does, beside writing its log and its dead letters. */
type Duties = (say: Vocabulary, facts: RoleFacts) => Statement[];

export const DUTIES: Readonly<Record<FunctionName, Duties>> = {
  submit: (say, { names }) => [
    ...say.rows(),
    say.consume(names.queue('submit')),
    ...takesIn(say),
    ...say.artifacts(),
    // A control object may end attempts, whose workers read of it in their leases.
    ...say.leases(),
    say.dataKey(),
    say.publicKeys(),
    say.pseudonyms(),
    ...say.schedules(),
    // One that is triggered runs at once; and slots that nobody else has filled.
    say.runOnBehalf(),
  ],
  advance: (say, { names }) => [
    ...say.rows(),
    say.executionRow(),
    ...say.stream(),
    say.send('Forward', [names.queue('seal'), names.queue('notify'), names.queue('timers')]),
    say.publishStatus(),
    say.tell(),
    ...say.leases(),
    // What conditions ask for.
    say.read('artifacts', 'sha256/*'),
    say.dataKey(),
    say.complete(),
  ],
  dispatch: (say, { environments }) => [
    ...say.rows(),
    say.executionRow(),
    ...say.stream(),
    ...say.leases(),
    say.dataKey(),
    say.attest(),
    say.publicKeys(),
    say.pseudonyms(),
    say.mailbox(),
    say.start(environments),
    say.describe(),
    say.complete(),
  ],
  release: (say, { names, secrets, models }) => [
    ...say.attemptRows(),
    say.consume(names.queue('release')),
    ...say.channel(),
    say.dataKey(),
    ...say.secrets(secrets),
    ...(models.length === 0 ? [] : [say.sessions()]),
  ],
  settle: (say, { names }) => [
    ...say.rows(),
    say.consume(names.queue('settle')),
    ...say.staged(),
    say.remove('staging', '*'),
    say.keepArtifacts(),
    // Outputs with a schema and intents are judged as they are kept.
    say.read('artifacts', 'sha256/*'),
    say.dataKey(),
    say.attest(),
    say.publicKeys(),
    say.pseudonyms(),
  ],
  seal: (say, { names }) => [
    // Events and entries that have their places leave the table in batches.
    ...say.rows('BatchWriteItem'),
    say.consume(names.queue('seal')),
    say.list('ledger'),
    say.read('ledger', '*'),
    {
      ...say.write('ledger', '*'),
      actions: ['s3:PutObject', 's3:PutObjectRetention', 's3:GetObjectRetention', 's3:GetObjectVersion'],
      why: 'The ledger is the sequencer’s: it alone writes there, and the bucket policy says what.',
    },
    say.publishStatus(),
    say.attest(),
    say.signNotes(),
    say.publicKeys(),
    say.pseudonyms(),
  ],
  notify: (say, { names, callbackKeys }) => [
    ...say.callbackRows(),
    say.consume(names.queue('notify')),
    ...say.secrets(callbackKeys),
  ],
  reconcile: (say, { names, environments }) => [
    ...say.rows(),
    say.executionRow('dynamodb:GetItem'),
    say.consume(names.queue('timers')),
    say.send(
      'Forward',
      (['submit', 'seal', 'notify', 'timers'] as const).map((queue) => names.queue(queue)),
    ),
    say.listSubmissions(),
    say.publishStatus(),
    ...say.leases(),
    say.remove('staging', '*'),
    say.keepArtifacts(),
    say.read('artifacts', 'sha256/*'),
    say.dataKey(),
    say.attest(),
    say.publicKeys(),
    say.pseudonyms(),
    say.mailbox(),
    say.start(environments),
    say.describe(),
    say.complete(),
    say.prolong(),
  ],
  slot: (say) => [
    say.scheduleRows(),
    ...say.rows().filter(({ sid }) => sid === 'RowsKey'),
    // The schedule, as it was added.
    say.read('artifacts', 'sha256/*'),
    say.openData(),
    say.runOnBehalf(),
    say.write('inbox', 'outbox/*/schedules.json'),
  ],
  doctor: (say, { names, keys, environments, repositories }) => [
    {
      sid: 'DescribeBuckets',
      actions: [
        's3:ListBucket',
        's3:GetEncryptionConfiguration',
        's3:GetBucketObjectLockConfiguration',
        's3:GetBucketVersioning',
        's3:GetBucketPublicAccessBlock',
        's3:GetLifecycleConfiguration',
        's3:GetBucketNotification',
      ],
      resources: (['inbox', 'staging', 'artifacts', 'ledger'] as const).map((bucket) => names.arn.bucket(bucket)),
    },
    {
      sid: 'DescribeTable',
      actions: ['dynamodb:DescribeTable', 'dynamodb:DescribeContinuousBackups'],
      resources: [names.arn.table],
    },
    {
      // Rows of attempts hold what ends them.
      sid: 'LogRows',
      actions: ['dynamodb:BatchGetItem'],
      resources: [names.arn.table],
      conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['log'] } },
    },
    ...say.rows().filter(({ sid }) => sid === 'RowsKey'),
    {
      sid: 'DescribeKeys',
      actions: ['kms:DescribeKey', 'kms:GetKeyRotationStatus'],
      resources: [keys.data, ...keys.attest, ...keys.log],
    },
    {
      sid: 'DescribeMachines',
      actions: ['states:DescribeStateMachine', 'states:DescribeStateMachineAlias'],
      resources: environments.map((name) => names.arn.machine(name)),
    },
    { sid: 'DescribeCluster', actions: ['ecs:DescribeClusters'], resources: [names.arn.cluster] },
    ...(repositories.length === 0
      ? []
      : [{ sid: 'DescribeImages', actions: ['ecr:DescribeImages'], resources: repositories }]),
    {
      sid: 'CountDeadLetters',
      actions: ['sqs:GetQueueAttributes'],
      resources: [names.arn.queue(names.deadLetters('*').replace(/\*.*$/, '*'))],
      why: 'Every queue of dead letters has the same prefix.',
    },
    { sid: 'DescribeRule', actions: ['events:DescribeRule'], resources: [names.arn.rule('each-minute')] },
    { sid: 'CountSubscribers', actions: ['sns:GetTopicAttributes'], resources: [names.arn.topic] },
    {
      sid: 'DescribeAccount',
      actions: ['servicequotas:GetServiceQuota', 'lambda:ListEventSourceMappings', 'ec2:DescribeFlowLogs'],
      resources: ['*'],
      why: 'None of these services knows resources for these.',
    },
  ],
};

/** Of submissions and what came with them: read, answered, and taken away as the version that was read. */
function takesIn(say: Vocabulary): Statement[] {
  return [
    say.list('inbox'),
    say.read('inbox', 'inbox/*'),
    { ...say.read('inbox', 'uploads/*'), sid: 'ReadUploads' },
    say.read('inbox', 'outbox/*'),
    say.write('inbox', 'outbox/*'),
    say.write('inbox', 'quarantine/*'),
    say.remove('inbox', 'inbox/*'),
  ];
}
