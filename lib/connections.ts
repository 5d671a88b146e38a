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
  endings(scope, stack);
  consume(stack.fn('submit'), queues.queue('submit'), { size: 10 });
  consume(stack.fn('release'), queues.queue('release'), { size: 10 });
  // A patch of the largest size is held twice while it is read, and this many at once fit into the function's memory.
  consume(stack.fn('settle'), queues.queue('settle'), { size: 5 });
  consume(stack.fn('seal'), queues.queue('seal'), { size: 10 });
  // Each call may wait for somebody who never answers: they must not take what the account lets run at once.
  consume(stack.fn('notify'), queues.queue('notify'), { size: 10, maxConcurrency: 2 });
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

function rows(
  keys: { pk?: Match; sk?: Match },
  { eventName, ...images }: { eventName?: 'INSERT' | 'MODIFY'; OldImage?: object; NewImage?: object } = {},
): object {
  const matched = Object.entries(keys).map(([name, S]) => [name, { S }]);
  return { ...(eventName && { eventName: [eventName] }), dynamodb: { Keys: Object.fromEntries(matched), ...images } };
}

/** Attributes with a text are matched by their type. */
const state = (...wanted: string[]): object => ({ state: { S: wanted } });
const WRITTEN = { NewImage: { pk: { S: [{ exists: true }] } } };
/** It was said before that nobody needs the execution; until then nobody waits for its token. */
const RELEASED = { OldImage: { released: { BOOL: [{ exists: true }] } } };

/**
 * Changes that ask for something, as src/core/row-changes.ts says: events, specs and the log's entries wake nobody, and of an
 * attempt only its claim and what comes after its dispatch. Lambda takes five for each reader.
 */
export const ADVANCING: readonly object[] = [
  rows({ sk: ['run', 'queue', 'ledger', { prefix: 'wake/' }] }, WRITTEN),
  rows({ sk: [{ prefix: 'item/' }] }, { eventName: 'MODIFY' }),
  rows({ pk: ['todo', 'timers', { prefix: 'queue/' }] }, { eventName: 'INSERT' }),
  rows({ sk: ['attempt'] }, { OldImage: state('dispatched', 'settled') }),
  rows({ sk: ['execution'] }, RELEASED),
];

export const DISPATCHING: readonly object[] = [rows({ sk: ['attempt'] }, { NewImage: state('claimed') })];

/** A worker ends with 0 once it has staged a good result, of which S3 tells: nothing is left to hear of such a task. */
const NOT_WELL: readonly object[] = [
  { stopCode: [{ 'anything-but': ['EssentialContainerExited'] }] },
  { stopCode: [{ exists: false }] },
  { containers: { name: ['wrapper'], exitCode: [{ 'anything-but': [0] }] } },
  { containers: { name: ['wrapper'], exitCode: [{ exists: false }] } },
];

function endings(scope: Construct, { names, queues, environments }: Connected): void {
  route(scope, 'TaskStopped', {
    names,
    rule: 'task-stopped',
    description: 'The task of an attempt has stopped otherwise than well',
    pattern: {
      source: ['aws.ecs'],
      'detail-type': ['ECS Task State Change'],
      detail: { clusterArn: [names.arn.cluster], lastStatus: ['STOPPED'], $or: NOT_WELL },
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
