/** What runs stand on while they are open, and what they leave: inbox and staging with the queues that they tell, artifacts, the table. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { Arrivals } from './arrivals.ts';
import { artifactsPolicy, inboxPolicy, stagingPolicy } from './bucket-policies.ts';
import { type BucketLife, keptBucket } from './buckets.ts';
import type { DeploymentNames } from './deployment-names.ts';
import { FUNCTION_TIMEOUTS } from './function-timeouts.ts';
import { dataKey, stateKey } from './keys.ts';
import { rolesThat, writersOf } from './roles.ts';
import type { WaybillProps } from './waybill-props.ts';

export interface StateStackProps extends StackProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
}

/** Longer than any attempt may take, with its retries of delivery. */
const STAGING_DAYS = 7;
const INBOX_NONCURRENT_DAYS = 90;
/** The answers of a run that nobody has written to for so long; whoever wants to know has its bundle. */
const OUTBOX_DAYS = 400;
/** Submissions that could not be read, kept for whoever wants to know why. */
const QUARANTINE_DAYS = 90;

export class StateStack extends Stack {
  readonly arrivals: Arrivals;
  readonly inbox: Bucket;
  readonly staging: Bucket;
  readonly artifacts: Bucket;
  readonly table: Table;
  readonly dataKey: Key;
  readonly stateKey: Key;

  constructor(scope: Construct, id: string, { names, settings, ...props }: StateStackProps) {
    super(scope, id, { ...props, terminationProtection: settings.mode !== 'test' });
    const life: BucketLife = { names, retain: settings.mode !== 'test' };
    const { arn } = names;
    const [slot, mailbox, release] = [arn.role('slot'), arn.role('mailbox'), arn.role('release')];
    this.dataKey = dataKey(this, names, life);
    this.stateKey = stateKey(this, names, life);
    this.arrivals = new Arrivals(this, 'Arrivals', { names, timeouts: FUNCTION_TIMEOUTS });
    this.inbox = keptBucket(this, 'Inbox', 'inbox', {
      ...life,
      versioned: true,
      tells: this.arrivals.toldOf('inbox'),
      refuses: inboxPolicy({
        bucket: arn.bucket('inbox'),
        engine: writersOf('inbox', names).filter((role) => role !== slot),
        onBehalf: rolesThat('s3:PutObject', arn.objects('inbox', 'inbox/'), names),
      }),
      lifecycleRules: [
        { id: 'uploads', prefix: 'uploads/', expiration: Duration.days(STAGING_DAYS) },
        // A status is written over again and again, and nobody reads an old one. Where two rules meet, the shorter one holds.
        {
          id: 'answers',
          prefix: 'outbox/',
          expiration: Duration.days(OUTBOX_DAYS),
          noncurrentVersionExpiration: Duration.days(1),
        },
        { id: 'quarantine', prefix: 'quarantine/', expiration: Duration.days(QUARANTINE_DAYS) },
        { id: 'old-versions', noncurrentVersionExpiration: Duration.days(INBOX_NONCURRENT_DAYS) },
        { id: 'markers', expiredObjectDeleteMarker: true },
        { id: 'parts', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
    this.staging = keptBucket(this, 'Staging', 'staging', {
      ...life,
      key: this.dataKey,
      versioned: false,
      tells: this.arrivals.toldOf('staging'),
      refuses: stagingPolicy({
        bucket: arn.bucket('staging'),
        engine: writersOf('staging', names).filter((role) => role !== mailbox && role !== release),
        mailbox,
        sealers: [release],
      }),
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(STAGING_DAYS),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    });
    this.artifacts = keptBucket(this, 'Artifacts', 'artifacts', {
      ...life,
      key: this.dataKey,
      versioned: true,
      refuses: artifactsPolicy({
        bucket: arn.bucket('artifacts'),
        dataKey: this.dataKey.keyArn,
        engine: writersOf('artifacts', names),
      }),
      lifecycleRules: [{ id: 'parts', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
    // S3 looks whether it is let in when it is told of a queue.
    for (const bucket of [this.inbox, this.staging]) bucket.node.addDependency(this.arrivals);
    this.table = new Table(this, 'Table', {
      tableName: names.table,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.stateKey,
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expires',
      deletionProtection: life.retain,
      removalPolicy: life.retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    // Last, so that nothing of the stack can fail after it: what protects it from deletion would keep a rollback from removing it.
    this.table.node.addDependency(this.inbox, this.staging, this.artifacts, this.dataKey);
  }
}
