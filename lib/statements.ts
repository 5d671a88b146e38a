import { type DeploymentNames, LIVE_ALIAS } from './deployment-names.ts';
import type { KeyArns, Statement } from './statement.ts';
import { aboutKeys, aboutObjects, aboutRows, title } from './statements-on-data.ts';
import { aboutModels } from './statements-on-models.ts';
import { aboutSecrets } from './statements-on-secrets.ts';

/** The statements that several roles share, each with a name: a reader of roles.ts sees who may do what. */
export function vocabulary(names: DeploymentNames, keys: KeyArns) {
  return {
    ...aboutRows(names, keys),
    ...aboutObjects(names),
    ...aboutKeys(names, keys),
    ...aboutSecrets(names, keys),
    ...aboutModels(names),
    ...aboutQueues(names),
    ...aboutExecutions(names),
    ...aboutWatching(names),
  };
}

export type Vocabulary = ReturnType<typeof vocabulary>;

function aboutQueues(names: DeploymentNames) {
  const { arn } = names;
  return {
    consume: (queue: string): Statement => ({
      sid: `Consume${title(queue)}`,
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [arn.queue(queue)],
    }),
    send: (sid: string, queues: readonly string[]): Statement => ({
      sid,
      actions: ['sqs:SendMessage'],
      resources: queues.map((queue) => arn.queue(queue)),
    }),
  };
}

/** None of them starts anything, and what goes on needs a token that only our table holds. */
const TAKEN_AWAY =
  'Attempts of an environment that was taken away are kept and ended as those of any other. All machines that begin with this name are this deployment’s.';

function aboutExecutions(names: DeploymentNames) {
  const { arn } = names;
  return {
    mailbox: (): Statement => ({
      sid: 'Mailbox',
      actions: ['sts:AssumeRole'],
      resources: [arn.role('mailbox')],
    }),
    describe: (): Statement => ({
      sid: 'Describe',
      actions: ['states:DescribeExecution'],
      resources: [arn.execution('*', 'a-*')],
      why: `An execution is named after its attempt. ${TAKEN_AWAY}`,
    }),
    // Step Functions asks for permission on the machine, whatever version or alias of it is called; which one is a condition.
    start: (environments: readonly string[]): Statement => ({
      sid: 'Start',
      actions: ['states:StartExecution'],
      resources: environments.map((environment) => arn.machine(environment)),
      conditions: { 'ForAnyValue:StringEquals': { 'states:StateMachineQualifier': [LIVE_ALIAS] } },
    }),
    /** A schedule that a principal has put into force is one of EventBridge Scheduler, which calls in a role of ours. */
    schedules: (): Statement[] => [
      {
        sid: 'Schedules',
        actions: ['scheduler:CreateSchedule', 'scheduler:UpdateSchedule', 'scheduler:DeleteSchedule'],
        resources: [arn.schedules],
        why: 'Names of schedules are made at run time; the group is this deployment’s.',
      },
      {
        sid: 'PassScheduleRole',
        actions: ['iam:PassRole'],
        resources: [arn.role('schedules')],
        conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      },
    ],
    complete: (): Statement => ({
      sid: 'Complete',
      actions: ['states:SendTaskSuccess'],
      resources: [arn.machine('*')],
      why: TAKEN_AWAY,
    }),
    prolong: (): Statement => ({
      sid: 'Prolong',
      actions: ['states:SendTaskHeartbeat'],
      resources: [arn.machine('*')],
      why: TAKEN_AWAY,
    }),
  };
}

function aboutWatching(names: DeploymentNames) {
  const { arn } = names;
  return {
    /** Tells others of runs and items; docs/formats/bus-events.md says what. */
    tell: (): Statement => ({ sid: 'Tell', actions: ['events:PutEvents'], resources: [arn.bus] }),
    logs: (group: string): Statement => ({
      sid: 'Logs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [`${arn.logGroup(group)}:*`],
      why: 'Names of log streams are made by the service.',
    }),
    traces: (): Statement => ({
      sid: 'Traces',
      actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
      resources: ['*'],
      why: 'X-Ray knows no resources.',
    }),
  };
}
