import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IWidget,
  Metric,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type DeploymentNames, FUNCTIONS, type FunctionName, QUEUES } from './deployment-names.ts';

const PERIOD = Duration.minutes(5);
const HALF = 12;

/** One page: what rings, then the way of a run from left to right, function by function, then what stands in between. */
export function dashboard(
  scope: Construct,
  { names, alarms }: { names: DeploymentNames; alarms: readonly Alarm[] },
): Dashboard {
  const board = new Dashboard(scope, 'Dashboard', { dashboardName: `${names.name}-${names.region}` });
  board.addWidgets(new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 4 }));
  board.addWidgets(
    graph(
      'Runs and failures',
      FUNCTIONS.flatMap((which) => [onLambda(names, which, 'Invocations'), onLambda(names, which, 'Errors')]),
    ),
    graph(
      'Time of a call (p95, ms)',
      FUNCTIONS.map((which) => onLambda(names, which, 'Duration', 'p95')),
    ),
  );
  board.addWidgets(
    graph(
      'Oldest message (s)',
      QUEUES.map((which) => onQueue(names, which, 'ApproximateAgeOfOldestMessage')),
    ),
    graph(
      'Messages that wait',
      QUEUES.map((which) => onQueue(names, which, 'ApproximateNumberOfMessagesVisible')),
    ),
  );
  board.addWidgets(
    graph(
      'Behind the table (ms)',
      (['advance', 'dispatch'] as const).map((which) => onLambda(names, which, 'IteratorAge', Stats.MAXIMUM)),
    ),
    graph(
      'Tasks',
      ['CpuUtilized', 'MemoryUtilized'].map(
        (metricName) =>
          new Metric({
            namespace: 'ECS/ContainerInsights',
            metricName,
            dimensionsMap: { ClusterName: names.cluster },
            period: PERIOD,
            statistic: Stats.AVERAGE,
          }),
      ),
    ),
  );
  return board;
}

function graph(title: string, left: Metric[]): IWidget {
  return new GraphWidget({ title, left, width: HALF, height: 6 });
}

function onLambda(
  names: DeploymentNames,
  which: FunctionName,
  metricName: string,
  statistic: string = Stats.SUM,
): Metric {
  const dimensionsMap = { FunctionName: names.functionName(which) };
  return new Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap,
    statistic,
    period: PERIOD,
    label: `${which} ${metricName}`,
  });
}

function onQueue(names: DeploymentNames, which: (typeof QUEUES)[number], metricName: string): Metric {
  const dimensionsMap = { QueueName: names.queue(which) };
  return new Metric({
    namespace: 'AWS/SQS',
    metricName,
    dimensionsMap,
    statistic: Stats.MAXIMUM,
    period: PERIOD,
    label: which,
  });
}
