import { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnEventInvokeConfig, CfnPermission } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { DeploymentNames, FunctionName } from './deployment-names.ts';
import { admit, consume, followStream, type Queues, route } from './routes.ts';
import type { StageFunction } from './stage-function.ts';

export interface Connected {
  readonly names: DeploymentNames;
  readonly queues: Queues;
  readonly tableStreamArn: string;
  readonly environments: readonly string[];
  fn(which: FunctionName): StageFunction;
}

/** Connects what happens with the functions that it concerns. */
export function connect(scope: Construct, stack: Connected): void {
  const { queues } = stack;
  arrivals(scope, stack);
  endings(scope, stack);
  consume(stack.fn('submit'), queues.queue('submit'), { size: 10 });
  consume(stack.fn('settle'), queues.queue('settle'), { size: 10 });
  consume(stack.fn('seal'), queues.queue('seal'), { size: 10 });
  consume(stack.fn('reconcile'), queues.queue('timers'), { size: 10 });
  const arn = stack.tableStreamArn;
  followStream(stack.fn('advance'), {
    arn,
    deadLetters: queues.ofFunction('advance'),
    patterns: ADVANCING,
    parallel: 4,
  });
  followStream(stack.fn('dispatch'), {
    arn,
    deadLetters: queues.ofFunction('dispatch'),
    patterns: DISPATCHING,
    parallel: 4,
  });
  eachMinute(scope, stack);
}

type Match = readonly (string | { readonly prefix: string })[];

function rows(keys: { pk?: Match; sk?: Match }, eventName?: 'INSERT' | 'MODIFY'): object {
  const matched = Object.entries(keys).map(([name, S]) => [name, { S }]);
  return { ...(eventName && { eventName: [eventName] }), dynamodb: { Keys: Object.fromEntries(matched) } };
}

/** Changes that ask for something, as src/core/row-changes.ts says: events, specs and the log's entries wake nobody. */
export const ADVANCING: readonly object[] = [
  rows({ sk: ['run', 'queue', 'attempt', 'execution'] }),
  rows({ sk: [{ prefix: 'item/' }] }, 'MODIFY'),
  rows({ pk: ['todo', 'timers'] }, 'INSERT'),
  rows({ sk: [{ prefix: 'ready/' }, { prefix: 'wake/' }] }, 'INSERT'),
];

export const DISPATCHING: readonly object[] = [rows({ pk: [{ prefix: 'attempt/' }], sk: ['attempt'] })];

function arrivals(scope: Construct, { names, queues }: Connected): void {
  route(scope, 'Arrived', {
    names,
    rule: 'arrived',
    description: 'An object was written into the inbox',
    pattern: {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [names.bucket('inbox')] }, object: { key: [{ prefix: 'inbox/' }] } },
    },
    to: queues.queue('submit'),
    deadLetters: queues.deadLetters('submit'),
  });
  route(scope, 'Staged', {
    names,
    rule: 'staged',
    description: 'A worker has written its result',
    pattern: {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: [names.bucket('staging')] }, object: { key: [{ suffix: '/result.json' }] } },
    },
    to: queues.queue('settle'),
    deadLetters: queues.deadLetters('settle'),
  });
}

function endings(scope: Construct, { names, queues, environments }: Connected): void {
  route(scope, 'TaskStopped', {
    names,
    rule: 'task-stopped',
    description: 'The task of an attempt has stopped',
    pattern: {
      source: ['aws.ecs'],
      'detail-type': ['ECS Task State Change'],
      detail: { clusterArn: [names.arn.cluster], lastStatus: ['STOPPED'] },
    },
    to: queues.queue('settle'),
    deadLetters: queues.deadLetters('settle'),
  });
  route(scope, 'ExecutionEnded', {
    names,
    rule: 'execution-ended',
    description: 'The execution of an attempt has ended otherwise than well',
    pattern: {
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: {
        stateMachineArn: environments.map((environment) => names.arn.machine(environment)),
        status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
      },
    },
    to: queues.queue('settle'),
    deadLetters: queues.deadLetters('settle'),
  });
}

/** Straight to the function: a minute that was missed is made up for by the next one, so none is tried again or comes late. */
function eachMinute(scope: Construct, { names, fn, queues }: Connected): void {
  const deadLetters = queues.ofFunction('reconcile');
  admit(deadLetters, names, 'each-minute');
  const { lambda } = fn('reconcile');
  const rule = new CfnRule(scope, 'EachMinute', {
    name: names.rule('each-minute'),
    description: 'Look for what events did not bring',
    scheduleExpression: 'rate(1 minute)',
    targets: [{ id: 'reconcile', arn: lambda.functionArn, deadLetterConfig: { arn: deadLetters.queueArn } }],
  });
  new CfnEventInvokeConfig(scope, 'EachMinuteOnce', {
    functionName: lambda.functionName,
    qualifier: '$LATEST',
    maximumRetryAttempts: 0,
    maximumEventAgeInSeconds: 60,
  });
  new CfnPermission(scope, 'EachMinuteMayInvoke', {
    action: 'lambda:InvokeFunction',
    functionName: lambda.functionName,
    principal: 'events.amazonaws.com',
    // The ARN holds the account; EventBridge does not promise to say it apart.
    sourceArn: rule.attrArn,
  });
}
