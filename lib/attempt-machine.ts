/** The definition of the machine that holds one attempt: Launch -> Park -> Stop, in JSONPath, so that interpreters of others run it too. */

export interface AttemptMachineSettings {
  readonly cluster: string;
  /** ARN of the very revision. */
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly table: string;
  /** Longest that a park goes without a heartbeat of the reconciler. */
  readonly heartbeatSeconds: number;
}

const LAUNCH_TIMEOUT_SECONDS = 120;

export function attemptMachine(settings: AttemptMachineSettings): object {
  const stop = { Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Stop' }] };
  return {
    Comment: 'One attempt. Input: {attemptId, leaseUrl, timeoutSeconds}.',
    StartAt: 'Launch',
    States: {
      Launch: {
        Type: 'Task',
        Resource: 'arn:aws:states:::ecs:runTask',
        TimeoutSeconds: LAUNCH_TIMEOUT_SECONDS,
        Parameters: {
          'ClientToken.$': '$.attemptId',
          'StartedBy.$': '$.attemptId',
          Cluster: settings.cluster,
          TaskDefinition: settings.taskDefinition,
          LaunchType: 'FARGATE',
          Count: 1,
          EnableExecuteCommand: false,
          NetworkConfiguration: {
            AwsvpcConfiguration: {
              Subnets: settings.subnets,
              SecurityGroups: settings.securityGroups,
              AssignPublicIp: 'DISABLED',
            },
          },
          Overrides: {
            ContainerOverrides: [
              {
                Name: 'wrapper',
                Environment: [
                  { Name: 'WAYBILL_ATTEMPT_ID', 'Value.$': '$.attemptId' },
                  { Name: 'WAYBILL_LEASE_URL', 'Value.$': '$.leaseUrl' },
                ],
              },
            ],
          },
        },
        ResultPath: '$.task',
        Next: 'Park',
      },
      Park: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
        TimeoutSecondsPath: '$.timeoutSeconds',
        HeartbeatSeconds: settings.heartbeatSeconds,
        Parameters: {
          TableName: settings.table,
          Key: { pk: { 'S.$': "States.Format('attempt/{}', $.attemptId)" }, sk: { S: 'execution' } },
          UpdateExpression: 'SET #token = :token, #task = :task',
          ExpressionAttributeNames: { '#token': 'token', '#task': 'task' },
          ExpressionAttributeValues: {
            ':token': { 'S.$': '$$.Task.Token' },
            ':task': { 'S.$': '$.task.Tasks[0].TaskArn' },
          },
        },
        ResultPath: '$.parked',
        ...stop,
        Next: 'Stop',
      },
      Stop: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:ecs:stopTask',
        TimeoutSeconds: LAUNCH_TIMEOUT_SECONDS,
        Parameters: { Cluster: settings.cluster, 'Task.$': '$.task.Tasks[0].TaskArn', Reason: 'the attempt has ended' },
        ResultPath: null,
        Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 5, BackoffRate: 2 }],
        End: true,
      },
    },
  };
}
