/** Statements about what is stored: rows, objects, keys. */
import { RUNS_OF_SCHEDULES } from './bucket-policies.ts';
import type { DeploymentNames } from './deployment-names.ts';
import type { KeyArns, Statement } from './statement.ts';

export const BY_NAME = 'Names of these objects are made at run time; the prefix is as narrow as they allow.';

/** Holds for calls that a service makes with the rights of the role, and for no others. */
export function through(names: DeploymentNames, service: string): Statement['conditions'] {
  return { StringEquals: { 'kms:ViaService': `${service}.${names.region}.${names.dnsSuffix}` } };
}

export function rowsKey(names: DeploymentNames, keys: KeyArns): Statement {
  return {
    sid: 'RowsKey',
    actions: ['kms:Decrypt', 'kms:DescribeKey'],
    resources: [keys.state],
    conditions: through(names, 'dynamodb'),
  };
}

export function aboutRows(names: DeploymentNames, keys: KeyArns) {
  const { arn } = names;
  return {
    rows: (...more: 'BatchWriteItem'[]): Statement[] => [
      {
        sid: 'Rows',
        actions: ['BatchGetItem', 'Query', 'PutItem', 'DeleteItem', 'ConditionCheckItem', ...more].map(
          (action) => `dynamodb:${action}`,
        ),
        resources: [arn.table],
      },
      rowsKey(names, keys),
    ],
    /** Of schedules and nothing else: whoever may write any row decides what runs, and in whose name. */
    scheduleRows: (): Statement => ({
      sid: 'ScheduleRows',
      actions: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
      resources: [arn.table],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['schedule/*', 'schedules'] } },
    }),
    /** Of attempts and of events, which lie beside all that a run has: of runs and attempts that are there, any row. None of queues or timers. */
    attemptRows: (): Statement[] => [
      {
        sid: 'AttemptRows',
        actions: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
        resources: [arn.table],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt/*', 'run/*'] } },
      },
      rowsKey(names, keys),
    ],
    /** Of the launcher alone: the flow never reads it. */
    executionRow: (...more: 'dynamodb:GetItem'[]): Statement => ({
      sid: 'ExecutionRow',
      actions: ['dynamodb:UpdateItem', ...more],
      resources: [arn.table],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt/*'] } },
    }),
    stream: (): Statement[] => [
      {
        sid: 'Stream',
        actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        resources: [`${arn.table}/stream/*`],
        why: 'The label of a stream is the time of its creation.',
      },
      {
        sid: 'ListStreams',
        actions: ['dynamodb:ListStreams'],
        resources: ['*'],
        why: 'DynamoDB lists streams of the whole account; Lambda asks for it before it follows one.',
      },
    ],
  };
}

export function aboutObjects(names: DeploymentNames) {
  const { arn } = names;
  return {
    read: (bucket: 'inbox' | 'staging' | 'artifacts' | 'ledger', keyPattern: string): Statement => ({
      sid: `Read${title(bucket)}${title(keyPattern)}`,
      // A submission is read as the version that arrived.
      actions: keyPattern === 'inbox/*' ? ['s3:GetObject', 's3:GetObjectVersion'] : ['s3:GetObject'],
      resources: [arn.objects(bucket, keyPattern)],
      why: BY_NAME,
    }),
    write: (bucket: 'inbox' | 'staging' | 'artifacts' | 'ledger', keyPattern: string): Statement => ({
      sid: `Write${title(bucket)}${title(keyPattern)}`,
      actions: ['s3:PutObject'],
      resources: [arn.objects(bucket, keyPattern)],
      why: BY_NAME,
    }),
    remove: (bucket: 'inbox' | 'staging', keyPattern: string): Statement => ({
      sid: `Remove${title(bucket)}${title(keyPattern)}`,
      // And taken away as that version: a marker would hide what came after it.
      actions: bucket === 'inbox' ? ['s3:DeleteObjectVersion'] : ['s3:DeleteObject'],
      resources: [arn.objects(bucket, keyPattern)],
      why: BY_NAME,
    }),
    list: (bucket: 'inbox' | 'staging' | 'artifacts' | 'ledger'): Statement => ({
      sid: `List${title(bucket)}`,
      actions: ['s3:ListBucket'],
      resources: [arn.bucket(bucket)],
    }),
    /** In the name of whoever has put a schedule into force. The bucket policy says that none of it is a control. */
    runOnBehalf: (): Statement => ({
      sid: 'RunOnBehalf',
      actions: ['s3:PutObject'],
      resources: RUNS_OF_SCHEDULES.map((keyPattern) => arn.objects('inbox', keyPattern)),
      why: 'Owner, schedule and time are known at run time; how these objects are named tells them from what people write.',
    }),
    /** What waits there, each as the version that it is. */
    listSubmissions: (): Statement => ({
      sid: 'ListSubmissions',
      actions: ['s3:ListBucketVersions'],
      resources: [arn.bucket('inbox')],
    }),
    publishStatus: (): Statement => ({
      sid: 'PublishStatus',
      actions: ['s3:PutObject'],
      resources: [arn.objects('inbox', 'outbox/*')],
      why: BY_NAME,
    }),
    /** Also lists them: without it, S3 answers for what is absent as for what is forbidden. */
    artifacts: (): Statement[] => [
      {
        sid: 'Artifacts',
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [arn.objects('artifacts', 'sha256/*')],
        why: BY_NAME,
      },
      { sid: 'ListArtifacts', actions: ['s3:ListBucket'], resources: [arn.bucket('artifacts')] },
    ],
    /** Without reading them: a write says itself that the artifact must not be there yet. */
    keepArtifacts: (): Statement => ({
      sid: 'KeepArtifacts',
      actions: ['s3:PutObject'],
      resources: [arn.objects('artifacts', 'sha256/*')],
      why: BY_NAME,
    }),
    /** Of mailboxes, without writing a lease. */
    staged: (): Statement[] => [
      { sid: 'Staged', actions: ['s3:GetObject'], resources: [arn.objects('staging', '*')], why: BY_NAME },
      { sid: 'ListStaging', actions: ['s3:ListBucket'], resources: [arn.bucket('staging')] },
    ],
    leases: (): Statement[] => [
      {
        sid: 'Leases',
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: [arn.objects('staging', '*')],
        why: 'A mailbox lies under the id of its attempt and a secret; the bucket policy lets these roles write leases alone.',
      },
      { sid: 'ListStaging', actions: ['s3:ListBucket'], resources: [arn.bucket('staging')] },
    ],
  };
}

export function aboutKeys(names: DeploymentNames, keys: KeyArns) {
  return {
    dataKey: (): Statement => ({
      sid: 'DataKey',
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [keys.data],
      conditions: through(names, 's3'),
    }),
    /** To read, and not to write. */
    openData: (): Statement => ({
      sid: 'OpenData',
      actions: ['kms:Decrypt'],
      resources: [keys.data],
      conditions: through(names, 's3'),
    }),
    attest: (): Statement => ({
      sid: 'Attest',
      actions: ['kms:Sign'],
      resources: keys.attest,
      conditions: { StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'DIGEST' } },
    }),
    signNotes: (): Statement => ({
      sid: 'SignNotes',
      actions: ['kms:Sign'],
      resources: keys.log,
      conditions: { StringEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' } },
    }),
    publicKeys: (): Statement => ({
      sid: 'PublicKeys',
      actions: ['kms:GetPublicKey'],
      resources: [...keys.attest, ...keys.log],
    }),
    pseudonyms: (): Statement => ({ sid: 'Pseudonyms', actions: ['kms:GenerateMac'], resources: [keys.pseudonym] }),
  };
}

/** `sha256/*` -> `Sha256`: statement ids hold letters and digits only. */
export function title(text: string): string {
  return text
    .split(/[^a-z0-9]+/i)
    .filter((word) => word !== '')
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('');
}
