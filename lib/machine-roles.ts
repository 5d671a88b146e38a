/** Roles that AWS services act in for us. */
import { itsVersionsToo, type RoleFacts, type RoleTable } from './role-table.ts';
import type { Statement } from './statement.ts';
import type { Vocabulary } from './statements.ts';

/** Of the ECS agent, outside every container: fetches images and writes logs. Tasks have no role of their own. */
export function executionRole({ names, repositories }: RoleFacts, say: Vocabulary): RoleTable {
  const images: Statement[] =
    repositories.length === 0
      ? []
      : [
          {
            sid: 'Registry',
            actions: ['ecr:GetAuthorizationToken'],
            resources: ['*'],
            why: 'A token is for the whole registry; what it opens is said by the next statement.',
          },
          {
            sid: 'Images',
            actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
            resources: repositories,
          },
        ];
  return {
    role: 'worker-execution',
    trust: { service: 'ecs-tasks.amazonaws.com', sourceArn: `${names.arn.cluster.replace(/:cluster\/.*/, '')}:*` },
    statements: [...images, say.logs('worker')],
  };
}

export function machineRole(environment: string, { names }: RoleFacts, say: Vocabulary): RoleTable {
  const { arn } = names;
  const onCluster = { ArnEquals: { 'ecs:cluster': arn.cluster } };
  return {
    role: `attempt-${environment}`,
    trust: { service: 'states.amazonaws.com', sourceArn: itsVersionsToo(arn.machine(environment)) },
    statements: [
      {
        sid: 'Launch',
        actions: ['ecs:RunTask'],
        resources: [arn.taskRevisions(environment)],
        conditions: onCluster,
        why: 'Each version of the machine names one revision. Those of older versions still start while a deployment is being upgraded, and when it is rolled back.',
      },
      {
        sid: 'TagAtLaunch',
        actions: ['ecs:TagResource'],
        resources: [`${arn.cluster.replace(':cluster/', ':task/')}/*`],
        conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
        why: 'Ids of tasks are made by ECS; tags are put on while a task is started, and on none that is there.',
      },
      {
        sid: 'Stop',
        actions: ['ecs:StopTask'],
        resources: [`${arn.cluster.replace(':cluster/', ':task/')}/*`],
        conditions: onCluster,
        why: 'Ids of tasks are made by ECS; all tasks of this cluster are workers.',
      },
      {
        sid: 'Find',
        actions: ['ecs:ListTasks'],
        resources: ['*'],
        conditions: onCluster,
        why: 'ECS lists tasks by container instance, and Fargate has none.',
      },
      {
        sid: 'Park',
        actions: ['dynamodb:UpdateItem'],
        resources: [arn.table],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt/*'] } },
      },
      ...say.rows().filter(({ sid }) => sid === 'RowsKey'),
      {
        sid: 'PassExecutionRole',
        actions: ['iam:PassRole'],
        resources: [arn.role('worker-execution')],
        conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      },
      {
        sid: 'Log',
        actions: [
          'CreateLogDelivery',
          'GetLogDelivery',
          'UpdateLogDelivery',
          'DeleteLogDelivery',
          'ListLogDeliveries',
          'PutResourcePolicy',
          'DescribeResourcePolicies',
          'DescribeLogGroups',
        ].map((action) => `logs:${action}`),
        resources: ['*'],
        why: 'CloudWatch Logs knows no resources for log deliveries.',
      },
      say.traces(),
    ],
  };
}

export function scheduleRole({ names }: RoleFacts): RoleTable {
  const { arn } = names;
  return {
    role: 'schedules',
    trust: {
      service: 'scheduler.amazonaws.com',
      sourceArn: `${arn.bus.replace(/^(.*):events:(.*):event-bus\/.*$/, '$1:scheduler:$2')}:schedule-group/${names.scheduleGroup}`,
    },
    statements: [
      {
        sid: 'Fire',
        actions: ['lambda:InvokeFunction'],
        resources: [arn.functionArn('slot')],
      },
    ],
  };
}

export function flowLogRole({ names }: RoleFacts, say: Vocabulary): RoleTable {
  const { account, region, partition } = names;
  return {
    role: 'flow-logs',
    trust: {
      service: 'vpc-flow-logs.amazonaws.com',
      sourceArn: `arn:${partition}:ec2:${region}:${account}:vpc-flow-log/*`,
    },
    statements: [
      say.logs('flows'),
      {
        sid: 'FindStream',
        actions: ['logs:DescribeLogStreams'],
        resources: [names.arn.logGroup('flows'), `${names.arn.logGroup('flows')}:*`],
        why: 'CloudWatch Logs asks for the group with and without its streams.',
      },
      {
        sid: 'FindGroup',
        actions: ['logs:DescribeLogGroups'],
        resources: ['*'],
        why: 'Groups are listed for the whole region; without it a flow log ends up in the state "access error".',
      },
    ],
  };
}
