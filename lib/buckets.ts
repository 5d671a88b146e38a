import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { BucketStatement } from './bucket-policies.ts';
import type { BucketName, DeploymentNames } from './deployment-names.ts';

export interface BucketLife {
  readonly names: DeploymentNames;
  /** The bucket outlives its stack, but not a first deployment that failed: its name would stand in the way of the next. Nothing here ever empties a bucket: whatever deletes objects by itself could delete evidence. */
  readonly retain: boolean;
}

const ACCESS_LOG_DAYS = 400;
const LOGGED_BUCKETS = ['inbox', 'staging', 'artifacts', 'ledger'] as const;

/** S3 writes access logs into buckets that it encrypts itself, and into no others. */
export function accessLogBucket(scope: Construct, { names, retain }: BucketLife): Bucket {
  const bucket = new Bucket(scope, 'AccessLogs', {
    bucketName: names.bucket('access-logs'),
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    versioned: true,
    lifecycleRules: [
      { id: 'expire', expiration: Duration.days(ACCESS_LOG_DAYS), noncurrentVersionExpiration: Duration.days(1) },
    ],
    removalPolicy: retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
  });
  bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AccessLogs',
      principals: [new ServicePrincipal('logging.s3.amazonaws.com')],
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*')],
      conditions: {
        StringEquals: { 'aws:SourceAccount': names.account },
        ArnEquals: { 'aws:SourceArn': LOGGED_BUCKETS.map((which) => names.arn.bucket(which)) },
      },
    }),
  );
  return bucket;
}

export interface KeptBucketProps extends BucketLife {
  /** Encrypts what is in it; S3's own key without it. */
  readonly key?: IKey;
  readonly versioned: boolean;
  readonly objectLockEnabled?: boolean;
  readonly lifecycleRules?: BucketProps['lifecycleRules'];
  /** Which of its objects are told of, and where. */
  readonly tells?: CfnBucket.NotificationConfigurationProperty;
  /** What the bucket refuses whoever asks. */
  readonly refuses: readonly BucketStatement[];
}

/**
 * A bucket as all of ours are: owned by the account, closed to the public and to plain connections, and logged. Without a
 * handler behind it: where it tells of objects, that is a property of it.
 */
export function keptBucket(scope: Construct, id: string, which: BucketName, props: KeptBucketProps): Bucket {
  const { names, retain, key, tells, refuses, ...rest } = props;
  const bucket = new Bucket(scope, id, {
    ...rest,
    bucketName: names.bucket(which),
    encryption: key === undefined ? BucketEncryption.S3_MANAGED : BucketEncryption.KMS,
    ...(key !== undefined && { encryptionKey: key, bucketKeyEnabled: true }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
  });
  for (const { json } of refuses) bucket.addToResourcePolicy(PolicyStatement.fromJson(json));
  // Without it a bucket that outlives its stack would refuse nothing any more.
  if (retain) bucket.policy?.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
  // By name: the construct would write the other stack's bucket policy, and the two stacks would need each other.
  const plain = bucket.node.defaultChild as CfnBucket;
  plain.loggingConfiguration = { destinationBucketName: names.bucket('access-logs'), logFilePrefix: `${which}/` };
  if (tells !== undefined) plain.notificationConfiguration = tells;
  return bucket;
}
