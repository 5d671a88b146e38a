/** What is written into a bucket reaches a function by a queue that the bucket itself writes to. */
import type { Duration } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { CfnBucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { BucketName, DeploymentNames, QueueName } from './deployment-names.ts';
import { deadLetterQueue, fedQueue, type MadeQueues } from './routes.ts';

export interface ArrivalsProps {
  readonly names: DeploymentNames;
  /** Of the function behind each of them, which has the queue's name. */
  readonly timeouts: Readonly<Record<Arriving['queue'], Duration>>;
}

/** Which objects of a bucket are told of, and in which queue. */
interface Arriving {
  readonly queue: 'submit' | 'release' | 'settle';
  readonly bucket: BucketName;
  readonly key: { readonly prefix: string } | { readonly suffix: string };
}

const ARRIVING: readonly Arriving[] = [
  { queue: 'submit', bucket: 'inbox', key: { prefix: 'inbox/' } },
  { queue: 'release', bucket: 'staging', key: { suffix: '/key.json' } },
  { queue: 'settle', bucket: 'staging', key: { suffix: '/result.json' } },
];

/**
 * The queues that S3 writes to by itself. They stand in the stack of the buckets: a bucket can only name a queue that is
 * there and lets it in.
 */
export class Arrivals extends Construct implements MadeQueues {
  readonly queues = new Map<QueueName, Queue>();
  readonly deadLetters = new Map<string, Queue>();

  constructor(scope: Construct, id: string, { names, timeouts }: ArrivalsProps) {
    super(scope, id);
    for (const { queue: which, bucket } of ARRIVING) {
      const deadLetters = deadLetterQueue(this, names, which);
      const queue = fedQueue(this, { which, names, timeout: timeouts[which], deadLetters });
      queue.addToResourcePolicy(fromBucket(queue, names, bucket));
      this.queues.set(which, queue);
      this.deadLetters.set(which, deadLetters);
    }
  }

  /** As a property of the bucket: the construct's own way is a custom resource with a function behind it. */
  toldOf(bucket: BucketName): CfnBucket.NotificationConfigurationProperty {
    const told = ARRIVING.filter((one) => one.bucket === bucket);
    return {
      queueConfigurations: told.map(({ queue, key }) => ({
        event: 's3:ObjectCreated:*',
        queue: this.queues.get(queue)?.queueArn ?? '',
        filter: { s3Key: { rules: Object.entries(key).map(([name, value]) => ({ name, value })) } },
      })),
    };
  }
}

/** By their names, since the bucket waits for this policy. The ARN of a bucket names no account. */
function fromBucket(queue: Queue, names: DeploymentNames, bucket: BucketName): PolicyStatement {
  return new PolicyStatement({
    sid: `From-${bucket}`.replace(/[^a-zA-Z0-9]/g, ''),
    principals: [new ServicePrincipal('s3.amazonaws.com')],
    actions: ['sqs:SendMessage'],
    resources: [queue.queueArn],
    conditions: {
      ArnEquals: { 'aws:SourceArn': names.arn.bucket(bucket) },
      StringEquals: { 'aws:SourceAccount': names.account },
    },
  });
}
