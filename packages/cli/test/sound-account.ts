/** A deployment, and the answers of an account in which everything of it is as it has to be. */
import type { Deployment } from '@waybill/client/deployment';
import { type Answers, awsError } from './answered-clients.ts';

const ARN = 'arn:aws:kms:eu-central-1:123456789012:key';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/waybill/wrapper@${DIGEST}`;

export const DEPLOYMENT: Deployment = {
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
  functions: ['waybill-submit', 'waybill-advance'],
  network: 'vpc-1',
  alarmTopic: 'arn:aws:sns:eu-central-1:123456789012:waybill-operators',
  vCpus: '20',
};

const SPEC_OF: Readonly<Record<string, string>> = {
  attest: 'ECC_NIST_P256',
  log: 'ECC_NIST_EDWARDS25519',
  data: 'SYMMETRIC_DEFAULT',
};

export function described(keyId: unknown, KeyState: string): object {
  const use = String(keyId).split('/').at(-1) ?? '';
  const KeyUsage = use === 'data' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY';
  return { KeyMetadata: { KeyState, KeySpec: SPEC_OF[use], KeyUsage } };
}

/** An account in which everything is as it has to be. */
export const SOUND: Answers = {
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
  GetBucketLifecycleConfiguration: ({ Bucket }) =>
    Bucket === 'the-staging'
      ? { Rules: [{ Status: 'Enabled', Expiration: { Days: 7 } }] }
      : awsError('NoSuchLifecycleConfiguration', 404),
  GetBucketNotificationConfiguration: () => ({ QueueConfigurations: [{ Events: ['s3:ObjectCreated:*'] }] }),
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
  ListEventSourceMappings: () => trigger({}),
  DescribeFlowLogs: () => ({ FlowLogs: [{ FlowLogStatus: 'ACTIVE', DeliverLogsStatus: 'SUCCESS' }] }),
  GetTopicAttributes: () => ({ Attributes: { SubscriptionsConfirmed: '1', SubscriptionsPending: '0' } }),
};

export function trigger(said: object): object {
  const EventSourceArn = 'arn:aws:sqs:eu-central-1:123456789012:waybill-submit';
  return { EventSourceMappings: [{ EventSourceArn, State: 'Enabled', LastProcessingResult: 'OK', ...said }] };
}
