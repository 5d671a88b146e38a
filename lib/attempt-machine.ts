/**
 * The definition of the machine that holds one attempt, in JSONPath, so that interpreters of others run it too:
 *
 *   Launch -> Park -> Stop                        whatever happens while it is parked
 *   Launch -> Find -> WasStarted -> StopFound -> NotLaunched     when Launch failed but may have started a task
 *                                -> NotLaunched                  when it started none
 *
 * Input: {attemptId, leaseUrl, timeoutSeconds}. A way that works has three states, which is what is paid for.
 */

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
const CALL_TIMEOUT_SECONDS = 60;

/**
 * Errors of a launch that another try cannot change, by the names under which Step Functions reports them. All others
 * are tried again: the client token keeps a second try from starting a second task. InvalidParameterException is not
 * among these, because ECS reports some throttles under that name.
 */
export const FINAL_LAUNCH_ERRORS = [
  'ECS.AccessDeniedException',
  'ECS.ClientException',
  'ECS.ClusterNotFoundException',
  'ECS.PlatformTaskDefinitionIncompatibilityException',
  'ECS.PlatformUnknownException',
  'ECS.UnsupportedFeatureException',
] as const;

/** The quota of launches is a token bucket of seconds: waits are spread, and together longer than a minute. */
const LAUNCH_RETRIES = [
  { ErrorEquals: FINAL_LAUNCH_ERRORS, MaxAttempts: 0 },
  {
    ErrorEquals: ['States.ALL'],
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
    MaxDelaySeconds: 60,
    JitterStrategy: 'FULL',
  },
];

const CALL_RETRIES = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 5, BackoffRate: 2 }];

export function attemptMachine(settings: AttemptMachineSettings): object {
  return {
    Comment: 'One attempt. Input: {attemptId, leaseUrl, timeoutSeconds}.',
    StartAt: 'Launch',
    States: {
      Launch: launch(settings),
      Park: park(settings),
      Stop: { ...stopTask(settings.cluster, '$.task.Tasks[0].TaskArn'), End: true },
      ...afterAFailedLaunch(settings.cluster),
    },
  };
}

function launch({ cluster, taskDefinition, subnets, securityGroups }: AttemptMachineSettings): object {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::ecs:runTask',
    TimeoutSeconds: LAUNCH_TIMEOUT_SECONDS,
    Parameters: {
      'ClientToken.$': '$.attemptId',
      'StartedBy.$': '$.attemptId',
      Cluster: cluster,
      TaskDefinition: taskDefinition,
      LaunchType: 'FARGATE',
      Count: 1,
      EnableExecuteCommand: false,
      // Most of what a deployment costs is tasks: without its tag they are nobody's, and the budget counts none of them.
      PropagateTags: 'TASK_DEFINITION',
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: subnets, SecurityGroups: securityGroups, AssignPublicIp: 'DISABLED' },
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
    Retry: LAUNCH_RETRIES,
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Find' }],
    Next: 'Park',
  };
}

/** Writes down the token that ends the wait. Whatever goes wrong here, the task is stopped. */
function park({ table, heartbeatSeconds }: AttemptMachineSettings): object {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
    TimeoutSecondsPath: '$.timeoutSeconds',
    HeartbeatSeconds: heartbeatSeconds,
    Parameters: {
      TableName: table,
      Key: { pk: { 'S.$': "States.Format('attempt/{}', $.attemptId)" }, sk: { S: 'execution' } },
      UpdateExpression: 'SET #token = :token, #task = :task',
      ExpressionAttributeNames: { '#token': 'token', '#task': 'task' },
      ExpressionAttributeValues: {
        ':token': { 'S.$': '$$.Task.Token' },
        ':task': { 'S.$': '$.task.Tasks[0].TaskArn' },
      },
    },
    ResultPath: '$.parked',
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Stop' }],
    Next: 'Stop',
  };
}

function stopTask(cluster: string, task: string): object {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:ecs:stopTask',
    TimeoutSeconds: CALL_TIMEOUT_SECONDS,
    Parameters: { Cluster: cluster, 'Task.$': task, Reason: 'the attempt has ended' },
    ResultPath: null,
    Retry: CALL_RETRIES,
  };
}

/** A launch that timed out may have started a task whose ARN nobody heard: it is found by who started it. */
function afterAFailedLaunch(cluster: string): object {
  return {
    Find: {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:ecs:listTasks',
      TimeoutSeconds: CALL_TIMEOUT_SECONDS,
      Parameters: { Cluster: cluster, 'StartedBy.$': '$.attemptId' },
      ResultPath: '$.found',
      Retry: CALL_RETRIES,
      Next: 'WasStarted',
    },
    WasStarted: {
      Type: 'Choice',
      Choices: [{ Variable: '$.found.TaskArns[0]', IsPresent: true, Next: 'StopFound' }],
      Default: 'NotLaunched',
    },
    StopFound: { ...stopTask(cluster, '$.found.TaskArns[0]'), Next: 'NotLaunched' },
    NotLaunched: { Type: 'Fail', ErrorPath: '$.error.Error', CausePath: '$.error.Cause' },
  };
}
