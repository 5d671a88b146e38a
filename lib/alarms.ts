/**
 * What wakes an operator. Every alarm names an article of docs/runbook.md, which says what it means and what to do; a test holds the
 * two lists against each other.
 */
import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type DeploymentNames, FUNCTIONS, QUEUES } from './deployment-names.ts';

export const RUNBOOK = 'docs/runbook.md';

export interface Watch {
  /** Last part of the alarm's name. */
  readonly name: string;
  /** Anchor in the runbook; several alarms may share one. */
  readonly article: string;
  /** What is the case when it rings, as a sentence. */
  readonly says: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: 'Sum' | 'Maximum';
  readonly periodMinutes: number;
  /** Rings when the value is over it; with `silence`, when it is under it or absent. */
  readonly threshold: number;
  readonly silence?: true;
}

const every = { statistic: 'Sum', periodMinutes: 5, threshold: 0 } as const;

/** @param deadLetters names of the queues of dead letters, by what they belong to */
export function watchesOf(
  names: DeploymentNames,
  deadLetters: readonly string[],
  environments: readonly string[],
): Watch[] {
  return [
    ...deadLetters.map(
      (of): Watch => ({
        ...every,
        name: `dead-letters-${of}`,
        article: 'dead-letters',
        says: `Something of ${of} was given up on and waits to be looked at.`,
        namespace: 'AWS/SQS',
        metric: 'ApproximateNumberOfMessagesVisible',
        dimensions: { QueueName: names.deadLetters(of) },
        statistic: 'Maximum',
      }),
    ),
    ...QUEUES.map(
      (of): Watch => ({
        name: `behind-${of}`,
        article: 'queue-behind',
        says: `The oldest message of the ${of} queue has waited for more than ten minutes.`,
        namespace: 'AWS/SQS',
        metric: 'ApproximateAgeOfOldestMessage',
        dimensions: { QueueName: names.queue(of) },
        statistic: 'Maximum',
        periodMinutes: 5,
        // A delayed timer counts from when it was sent, and may be sent fifteen minutes ahead.
        threshold: of === 'timers' ? 1500 : 600,
      }),
    ),
    ...functionWatches(names),
    ...tableWatches(names),
    ...environments.flatMap((environment) => machineWatches(names, environment)),
  ];
}

function functionWatches(names: DeploymentNames): Watch[] {
  return [
    ...FUNCTIONS.flatMap((which): Watch[] => {
      const lambda = { ...every, namespace: 'AWS/Lambda', dimensions: { FunctionName: names.functionName(which) } };
      const own = { ...every, namespace: 'Waybill', dimensions: { deployment: names.name, service: which } };
      return [
        {
          ...lambda,
          name: `errors-${which}`,
          article: 'function-errors',
          says: `${which} failed, or ran out of time or memory.`,
          metric: 'Errors',
        },
        {
          ...lambda,
          name: `throttled-${which}`,
          article: 'function-throttled',
          says: `${which} was not run because the account runs too much at once.`,
          metric: 'Throttles',
        },
        {
          ...own,
          name: `trouble-${which}`,
          article: 'trouble',
          says: `${which} met trouble that it could not get over at once.`,
          metric: 'Trouble',
          // Of a key that it may not read it tells once a minute, until somebody does something about it.
          threshold: which === 'notify' ? 3 : 5,
        },
        {
          ...own,
          name: `malformed-${which}`,
          article: 'malformed',
          says: `${which} was handed something that nobody of the deployment wrote.`,
          metric: 'Malformed',
        },
      ];
    }),
    {
      name: 'reconciler-silent',
      article: 'reconciler-silent',
      says: 'The reconciler has not run for five minutes; what events lose stays lost until it does.',
      namespace: 'AWS/Lambda',
      metric: 'Invocations',
      dimensions: { FunctionName: names.functionName('reconcile') },
      statistic: 'Sum',
      periodMinutes: 5,
      threshold: 1,
      silence: true,
    },
    ...(['advance', 'dispatch'] as const).map(
      (which): Watch => ({
        name: `stream-behind-${which}`,
        article: 'stream-behind',
        says: `${which} is more than five minutes behind the table.`,
        namespace: 'AWS/Lambda',
        metric: 'IteratorAge',
        dimensions: { FunctionName: names.functionName(which) },
        statistic: 'Maximum',
        periodMinutes: 5,
        threshold: 300_000,
      }),
    ),
  ];
}

function tableWatches(names: DeploymentNames): Watch[] {
  const table = { ...every, namespace: 'AWS/DynamoDB', dimensions: { TableName: names.table } };
  return [
    {
      ...table,
      name: 'table-reads-throttled',
      article: 'table-throttled',
      says: 'Reads of the table were throttled.',
      metric: 'ReadThrottleEvents',
    },
    {
      ...table,
      name: 'table-writes-throttled',
      article: 'table-throttled',
      says: 'Writes to the table were throttled.',
      metric: 'WriteThrottleEvents',
    },
  ];
}

function machineWatches(names: DeploymentNames, environment: string): Watch[] {
  const machine = {
    ...every,
    namespace: 'AWS/States',
    dimensions: { StateMachineArn: names.arn.machine(environment) },
  };
  return [
    {
      ...machine,
      name: `executions-failed-${environment}`,
      article: 'executions-failed',
      says: 'Executions of attempts failed: tasks were not started, or not stopped.',
      metric: 'ExecutionsFailed',
    },
    {
      ...machine,
      name: `executions-throttled-${environment}`,
      article: 'executions-throttled',
      says: 'Attempts were started faster than the account allows.',
      metric: 'ExecutionThrottled',
    },
  ];
}

export class Alarms extends Construct {
  readonly all: readonly Alarm[];

  constructor(
    scope: Construct,
    id: string,
    { names, watches, topic }: { names: DeploymentNames; watches: readonly Watch[]; topic: ITopic },
  ) {
    super(scope, id);
    this.all = watches.map((watch) => {
      const alarm = new Alarm(this, watch.name, {
        alarmName: `${names.name}-${watch.name}`,
        alarmDescription: `${watch.says} ${RUNBOOK}#${watch.article}`,
        metric: metricOf(watch),
        threshold: watch.threshold,
        evaluationPeriods: 1,
        comparisonOperator: watch.silence
          ? ComparisonOperator.LESS_THAN_THRESHOLD
          : ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: watch.silence ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new SnsAction(topic));
      alarm.addOkAction(new SnsAction(topic));
      return alarm;
    });
  }
}

export function metricOf(watch: Watch): Metric {
  return new Metric({
    namespace: watch.namespace,
    metricName: watch.metric,
    dimensionsMap: { ...watch.dimensions },
    statistic: watch.statistic === 'Sum' ? Stats.SUM : Stats.MAXIMUM,
    period: Duration.minutes(watch.periodMinutes),
  });
}
