/** How things that happen reach a function: a rule, a queue with its dead letters, a mapping. */
import { Duration } from 'aws-cdk-lib';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  type BucketName,
  type DeploymentNames,
  FUNCTIONS,
  type FunctionName,
  QUEUES,
  type QueueName,
} from './deployment-names.ts';
import type { StageFunction } from './stage-function.ts';

/** SQS asks for six times the timeout of the function behind it. */
const VISIBILITY_FACTOR = 6;
/** In a queue that keeps order nothing is handed out while a batch is hidden, so that is as short as Lambda allows. */
const ORDERED_VISIBILITY_FACTOR = 1;
const MAX_RECEIVES = 5;
const DEAD_LETTER_DAYS = 14;

export interface QueuesProps {
  readonly names: DeploymentNames;
  /** Of the function behind each queue. */
  readonly timeouts: Readonly<Record<QueueName, Duration>>;
  /** Those that buckets write to, which stand with the buckets. */
  readonly arrivals: Arrivals;
}

/** All queues of a deployment: those that feed functions, and a queue of dead letters for each of them and for each function. */
export class Queues extends Construct {
  readonly #queues = new Map<QueueName, Queue>();
  readonly #deadLetters = new Map<string, Queue>();

  constructor(scope: Construct, id: string, { names, timeouts, arrivals }: QueuesProps) {
    super(scope, id);
    for (const of of Queues.deadLettersOf()) {
      this.#deadLetters.set(of, arrivals.deadLetters.get(of) ?? deadLetterQueue(this, names, of));
    }
    for (const which of QUEUES) {
      const made = (): Queue =>
        fedQueue(this, { which, names, timeout: timeouts[which], deadLetters: this.deadLetters(which) });
      this.#queues.set(which, arrivals.queues.get(which) ?? made());
    }
  }

  /** What has dead letters: queues and functions. */
  static deadLettersOf(): string[] {
    // What a FIFO queue gives up on needs a FIFO queue, and what a function gives up on cannot go to one.
    const apart = (of: string): string[] => (of === 'seal' ? ['seal-function', of] : [of]);
    return [...new Set<string>([...QUEUES, ...FUNCTIONS, 'operators'])].flatMap(apart);
  }

  queue(which: QueueName): Queue {
    return this.#queues.get(which) as Queue;
  }

  /** @param of a queue or a function */
  deadLetters(of: string): Queue {
    return this.#deadLetters.get(of) as Queue;
  }

  ofFunction(which: FunctionName): Queue {
    return this.deadLetters(which === 'seal' ? 'seal-function' : which);
  }

  get allDeadLetters(): ReadonlyMap<string, Queue> {
    return this.#deadLetters;
  }
}

export interface ArrivalsProps {
  readonly names: DeploymentNames;
  /** Of the function behind each of them. */
  readonly timeout: Duration;
}

/** Which objects of a bucket are told of, and in which queue. */
export interface Arriving {
  readonly queue: 'submit' | 'settle';
  readonly bucket: BucketName;
  readonly key: { readonly prefix: string } | { readonly suffix: string };
}

export const ARRIVING: readonly Arriving[] = [
  { queue: 'submit', bucket: 'inbox', key: { prefix: 'inbox/' } },
  { queue: 'settle', bucket: 'staging', key: { suffix: '/result.json' } },
];

/**
 * The queues that S3 writes to by itself. They stand in the stack of the buckets: a bucket can only name a queue that is
 * there and lets it in.
 */
export class Arrivals extends Construct {
  readonly queues = new Map<QueueName, Queue>();
  readonly deadLetters = new Map<string, Queue>();

  constructor(scope: Construct, id: string, { names, timeout }: ArrivalsProps) {
    super(scope, id);
    for (const { queue: which, bucket } of ARRIVING) {
      const deadLetters = deadLetterQueue(this, names, which);
      const queue = fedQueue(this, { which, names, timeout, deadLetters });
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

interface FedQueue {
  which: QueueName;
  names: DeploymentNames;
  timeout: Duration;
  deadLetters: Queue;
}

function fedQueue(scope: Construct, { which, names, timeout, deadLetters }: FedQueue): Queue {
  const fifo = which === 'seal';
  const queue = new Queue(scope, which, {
    queueName: names.queue(which),
    ...(fifo && { fifo }),
    encryption: QueueEncryption.SQS_MANAGED,
    visibilityTimeout: Duration.seconds(timeout.toSeconds() * (fifo ? ORDERED_VISIBILITY_FACTOR : VISIBILITY_FACTOR)),
    retentionPeriod: Duration.days(4),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: MAX_RECEIVES },
  });
  queue.addToResourcePolicy(tlsOnly(queue));
  return queue;
}

function deadLetterQueue(scope: Construct, names: DeploymentNames, of: string): Queue {
  const queue = new Queue(scope, `${of}-dead`, {
    queueName: names.deadLetters(of),
    ...(of === 'seal' && { fifo: true }),
    encryption: QueueEncryption.SQS_MANAGED,
    retentionPeriod: Duration.days(DEAD_LETTER_DAYS),
  });
  queue.addToResourcePolicy(tlsOnly(queue));
  return queue;
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

/** In the policy of the queue, so that no principal of the account is an exception. */
function tlsOnly(queue: Queue): PolicyStatement {
  return new PolicyStatement({
    sid: 'TlsOnly',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['sqs:*'],
    resources: [queue.queueArn],
    conditions: { Bool: { 'aws:SecureTransport': 'false' } },
  });
}

export interface RouteProps {
  readonly names: DeploymentNames;
  readonly rule: string;
  readonly description: string;
  readonly pattern: object;
  readonly to: Queue;
  /** For events that could not be delivered. */
  readonly deadLetters: Queue;
}

/** Lets the events of one rule, and nothing else, into a queue. */
export function admit(queue: Queue, names: DeploymentNames, rule: string): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      sid: `From-${rule}`.replace(/[^a-zA-Z0-9]/g, ''),
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      // The ARN holds the account; EventBridge does not promise to say it apart.
      conditions: { ArnEquals: { 'aws:SourceArn': names.arn.rule(rule) } },
    }),
  );
}

/** Events of a pattern to a queue. */
export function route(
  scope: Construct,
  id: string,
  { names, rule, description, pattern, to, deadLetters }: RouteProps,
): CfnRule {
  for (const queue of [to, deadLetters]) admit(queue, names, rule);
  return new CfnRule(scope, id, {
    name: names.rule(rule),
    description,
    eventPattern: pattern,
    targets: [{ id: 'queue', arn: to.queueArn, deadLetterConfig: { arn: deadLetters.queueArn } }],
  });
}

/** Messages of a queue to a function, which says which of a batch it could not take. */
export function consume(
  fn: StageFunction,
  queue: Queue,
  batch: { size: number; windowSeconds?: number; maxConcurrency?: number },
): void {
  new CfnEventSourceMapping(fn, `From-${queue.node.id}`, {
    functionName: fn.lambda.functionName,
    eventSourceArn: queue.queueArn,
    batchSize: batch.size,
    ...(batch.windowSeconds !== undefined && { maximumBatchingWindowInSeconds: batch.windowSeconds }),
    ...(batch.maxConcurrency !== undefined && { scalingConfig: { maximumConcurrency: batch.maxConcurrency } }),
    functionResponseTypes: ['ReportBatchItemFailures'],
  });
}

/** Changes of rows to a function. One record that cannot be handled must not hold up its shard: after the retries it is set aside. */
export function followStream(
  fn: StageFunction,
  stream: { arn: string; deadLetters: Queue; patterns: readonly object[]; parallel: number },
): void {
  new CfnEventSourceMapping(fn, 'FromTable', {
    functionName: fn.lambda.functionName,
    eventSourceArn: stream.arn,
    startingPosition: 'TRIM_HORIZON',
    batchSize: 100,
    parallelizationFactor: stream.parallel,
    maximumRetryAttempts: 5,
    bisectBatchOnFunctionError: true,
    functionResponseTypes: ['ReportBatchItemFailures'],
    destinationConfig: { onFailure: { destination: stream.deadLetters.queueArn } },
    filterCriteria: { filters: stream.patterns.map((pattern) => ({ pattern: JSON.stringify(pattern) })) },
  });
}
