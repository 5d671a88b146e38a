/** The questions to the account. Each reads, and none spends more than the call. */
import { DescribeContinuousBackupsCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTaskDefinitionCommand, type ECSClient } from '@aws-sdk/client-ecs';
import { GetPublicKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { DescribeStateMachineAliasCommand, DescribeStateMachineCommand, type SFNClient } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { keys, type LogHeadRow, type LogKeysRow } from '#core/rows.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { Check, Checks } from './examine.ts';
import {
  judgeBucket,
  judgeDeadLetters,
  judgeImages,
  judgeKey,
  judgeLedger,
  judgeLog,
  judgeQuota,
  judgeTable,
} from './judgements.ts';

export interface Account {
  dynamodb: DynamoDBClient;
  ecs: ECSClient;
  kms: KMSClient;
  quotas: ServiceQuotasClient;
  s3: S3Client;
  sfn: SFNClient;
  sqs: SQSClient;
  store: RunStore;
  nowMs(): number;
}

export interface Expected {
  table: string;
  buckets: { inbox: string; staging: string; artifacts: string; ledger: string };
  retention: string;
  attestKeys: readonly string[];
  logKeys: readonly string[];
  /** Alias ARN of the attempt machine. */
  machine: string;
  deadLetterUrls: readonly string[];
  slots: number;
  heartbeatMs: number;
}

/** Fargate on-demand vCPUs. */
const FARGATE = { ServiceCode: 'fargate', QuotaCode: 'L-3032A538' };

export function checksOf(account: Account, expected: Expected): Checks {
  const { buckets, attestKeys, logKeys } = expected;
  const bucket =
    (name: string, wants: Parameters<typeof judgeBucket>[1]): Check =>
    async () =>
      judgeBucket(await askBucket(account.s3, name, wants), wants);
  const key =
    (arn: string, wanted: string): Check =>
    async () =>
      judgeKey(await askKey(account.kms, arn), wanted);
  return {
    table: async () => judgeTable(await askTable(account.dynamodb, expected.table)),
    ledger: async () => judgeLedger(await askLedger(account.s3, buckets.ledger), expected.retention),
    'bucket inbox': bucket(buckets.inbox, { versions: true, events: true, expiry: false }),
    'bucket staging': bucket(buckets.staging, { versions: false, events: true, expiry: true }),
    ...Object.fromEntries(attestKeys.map((arn, n) => [`attest key ${n + 1}`, key(arn, 'ECC_NIST_P256')])),
    ...Object.fromEntries(logKeys.map((arn, n) => [`log key ${n + 1}`, key(arn, 'ECC_NIST_EDWARDS25519')])),
    images: async () => judgeImages(await askImages(account, expected.machine)),
    'dead letters': async () => judgeDeadLetters(await askDepths(account.sqs, expected.deadLetterUrls)),
    quota: async () => {
      const { Quota } = await account.quotas.send(new GetServiceQuotaCommand(FARGATE));
      return judgeQuota(Quota?.Value ?? 0, expected.slots);
    },
    log: async () => {
      const [head, held] = await account.store.get([keys.logHead(), keys.logKeys()]);
      const log = { head: (head?.body ?? null) as LogHeadRow | null, keys: (held?.body ?? null) as LogKeysRow | null };
      return judgeLog(log, account.nowMs(), expected.heartbeatMs);
    },
  };
}

async function askTable(dynamodb: DynamoDBClient, TableName: string): Promise<Parameters<typeof judgeTable>[0]> {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }));
  const backups = await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName }));
  const pitr = backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
  return defined({
    status: Table?.TableStatus,
    protected: Table?.DeletionProtectionEnabled,
    images: Table?.StreamSpecification?.StreamViewType,
    backups: pitr?.PointInTimeRecoveryStatus,
  });
}

async function askLedger(s3: S3Client, Bucket: string): Promise<Parameters<typeof judgeLedger>[0]> {
  const { ObjectLockConfiguration } = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
  return defined({ lock: ObjectLockConfiguration?.ObjectLockEnabled, versioning: Status });
}

async function askBucket(
  s3: S3Client,
  Bucket: string,
  { expiry }: Parameters<typeof judgeBucket>[1],
): Promise<Parameters<typeof judgeBucket>[0]> {
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
  const { PublicAccessBlockConfiguration: block } = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
  const { EventBridgeConfiguration } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const rules = expiry ? (await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules : [];
  const isPrivate = block?.BlockPublicAcls && block.BlockPublicPolicy && block.RestrictPublicBuckets;
  return {
    ...defined({ versioning: Status }),
    isPrivate: isPrivate === true,
    tellsEvents: EventBridgeConfiguration !== undefined,
    expires: rules?.some(({ Status: status, Expiration }) => status === 'Enabled' && Expiration !== undefined) === true,
  };
}

async function askKey(kms: KMSClient, KeyId: string): Promise<Parameters<typeof judgeKey>[0]> {
  // A key that is disabled or about to be deleted does not answer.
  const { KeySpec, KeyUsage } = await kms.send(new GetPublicKeyCommand({ KeyId }));
  return defined({ spec: KeySpec, usage: KeyUsage });
}

/** The images of every task definition that the machine's version behind the alias names. */
async function askImages({ sfn, ecs }: Account, stateMachineAliasArn: string): Promise<string[]> {
  const { routingConfiguration = [] } = await sfn.send(new DescribeStateMachineAliasCommand({ stateMachineAliasArn }));
  const images: string[] = [];
  for (const { stateMachineVersionArn: stateMachineArn } of routingConfiguration) {
    const { definition = '' } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    for (const [, taskDefinition] of definition.matchAll(/"TaskDefinition"\s*:\s*"([^"]+)"/g)) {
      const described = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
      images.push(...(described.taskDefinition?.containerDefinitions ?? []).map(({ image }) => image ?? ''));
    }
  }
  return images;
}

async function askDepths(sqs: SQSClient, urls: readonly string[]): Promise<Record<string, number>> {
  const depths: Record<string, number> = {};
  for (const QueueUrl of urls) {
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] });
    const { Attributes } = await sqs.send(asked);
    depths[QueueUrl.split('/').at(-1) ?? QueueUrl] = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
  }
  return depths;
}

type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what was not answered. */
function defined<T extends object>(answers: T): Known<T> {
  return Object.fromEntries(Object.entries(answers).filter(([, value]) => value !== undefined)) as Known<T>;
}
