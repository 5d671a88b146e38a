/** How things that happen reach a function: a rule, a queue with its dead letters, a mapping. */
import { Duration } from 'aws-cdk-lib';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type DeploymentNames, FUNCTIONS, type FunctionName, QUEUES, type QueueName } from './deployment-names.ts';
import type { StageFunction } from './stage-function.ts';

/** SQS asks for six times the timeout of the function behind it. */
const VISIBILITY_FACTOR = 6;
/** In a queue that keeps order nothing is handed out while a batch is hidden, so that is as short as Lambda allows. */
const ORDERED_VISIBILITY_FACTOR = 1;
const MAX_RECEIVES = 5;
const DEAD_LETTER_DAYS = 14;

/** Queues by their names, and their dead letters by what they belong to. */
export interface MadeQueues {
  readonly queues: ReadonlyMap<QueueName, Queue>;
  readonly deadLetters: ReadonlyMap<string, Queue>;
}

export interface QueuesProps {
  readonly names: DeploymentNames;
  /** Of the function behind each queue. */
  readonly timeouts: Readonly<Record<QueueName, Duration>>;
  /** Those that buckets write to, which stand with the buckets. */
  readonly arrivals: MadeQueues;
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

interface FedQueue {
  which: QueueName;
  names: DeploymentNames;
  timeout: Duration;
  deadLetters: Queue;
}

export function fedQueue(scope: Construct, { which, names, timeout, deadLetters }: FedQueue): Queue {
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

export function deadLetterQueue(scope: Construct, names: DeploymentNames, of: string): Queue {
  const queue = new Queue(scope, `${of}-dead`, {
    queueName: names.deadLetters(of),
    ...(of === 'seal' && { fifo: true }),
    encryption: QueueEncryption.SQS_MANAGED,
    retentionPeriod: Duration.days(DEAD_LETTER_DAYS),
  });
  queue.addToResourcePolicy(tlsOnly(queue));
  return queue;
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
