/**
 * The definition of the machine that holds one attempt, in JSONPath, so that interpreters of others run it too:
 *
 *   Launch -> Park -> Stop                        whatever happens while it is parked
 *   Launch -> Park -> WasPlaced -> NotPlaced      when the launch was answered, and without a task
 *   Launch -> Find -> WasStarted -> StopFound -> NotLaunched     when Launch failed but may have started a task
 *                                -> NotLaunched                  when it started none
 *
 * Input: {attemptId, leaseUrl, timeoutSeconds, heartbeatSeconds}; the last one is smaller than the one before. A way that works has three
 * states, which is what is paid for.
 */
import { LAUNCH_UNHEARD, launchErrors, NOT_PLACED } from '#core/launch-errors.ts';

export interface AttemptMachineSettings {
  /** `aws`, or that of China or of the government: integrations are named in it. */
  readonly partition: string;
  readonly cluster: string;
  /** ARN of the very revision. */
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly table: string;
}

const LAUNCH_TIMEOUT_SECONDS = 120;
const CALL_TIMEOUT_SECONDS = 60;

/** The quota of launches is a token bucket of seconds: waits are spread, and together longer than a minute. */
const LAUNCH_BACKOFF = { IntervalSeconds: 2, BackoffRate: 2, MaxDelaySeconds: 60, JitterStrategy: 'FULL' };
const LAUNCH_RETRIES = [
  { ErrorEquals: launchErrors('terminal'), MaxAttempts: 0 },
  // A throttle is over in seconds. Whatever is not over then is put off by whoever ordered the launch, and costs no states.
  { ErrorEquals: launchErrors('not_yet'), MaxAttempts: 4, ...LAUNCH_BACKOFF },
  { ErrorEquals: ['States.ALL'], MaxAttempts: 6, ...LAUNCH_BACKOFF },
];

/**
 * What DynamoDB says when it was asked too often or has trouble of its own; the last one stands for whatever the SDK has no name for.
 * Not the time or the heartbeat of the wait: who waits anew for an attempt that has ended waits for nothing.
 */
const PARK_RETRIES = [
  {
    ErrorEquals: [
      'DynamoDb.InternalServerErrorException',
      'DynamoDb.ProvisionedThroughputExceededException',
      'DynamoDb.RequestLimitExceededException',
      'DynamoDb.SdkClientException',
      'DynamoDb.ThrottlingException',
      'DynamoDb.TransactionConflictException',
      'DynamoDb.DynamoDbException',
    ],
    IntervalSeconds: 1,
    MaxAttempts: 3,
    BackoffRate: 2,
    JitterStrategy: 'FULL',
  },
];

const CALL_RETRIES = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 5, BackoffRate: 2 }];

export function attemptMachine(settings: AttemptMachineSettings): object {
  return {
    Comment: 'One attempt. Input: {attemptId, leaseUrl, timeoutSeconds, heartbeatSeconds}.',
    StartAt: 'Launch',
    States: {
      Launch: launch(settings),
      Park: park(settings),
      Stop: { ...stopTask(settings, '$.task.Tasks[0].TaskArn'), End: true },
      ...withoutATask(),
      ...afterAFailedLaunch(settings),
    },
  };
}

function launch({ partition, cluster, taskDefinition, subnets, securityGroups }: AttemptMachineSettings): object {
  return {
    Type: 'Task',
    Resource: `arn:${partition}:states:::ecs:runTask`,
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

/**
 * Writes down the token that ends the wait. Whatever goes wrong here, the task is stopped.
 *
 * A launch may be answered with failures and without a task. A path into a list that is empty would end the execution on the spot with
 * an error that nothing catches; a state that looks first would be paid for by every attempt. So the tasks are written as a set, which
 * DynamoDB refuses when it is empty.
 */
function park({ partition, table }: AttemptMachineSettings): object {
  return {
    Type: 'Task',
    Resource: `arn:${partition}:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken`,
    TimeoutSecondsPath: '$.timeoutSeconds',
    HeartbeatSecondsPath: '$.heartbeatSeconds',
    Parameters: {
      TableName: table,
      Key: { pk: { 'S.$': "States.Format('attempt/{}', $.attemptId)" }, sk: { S: 'execution' } },
      UpdateExpression: 'SET #token = :token, #task = :task',
      ExpressionAttributeNames: { '#token': 'token', '#task': 'task' },
      ExpressionAttributeValues: {
        ':token': { 'S.$': '$$.Task.Token' },
        ':task': { 'SS.$': '$.task.Tasks[*].TaskArn' },
      },
    },
    ResultPath: '$.parked',
    Retry: PARK_RETRIES,
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'WasPlaced' }],
    Next: 'Stop',
  };
}

function stopTask({ partition, cluster }: AttemptMachineSettings, task: string): object {
  return {
    Type: 'Task',
    Resource: `arn:${partition}:states:::aws-sdk:ecs:stopTask`,
    TimeoutSeconds: CALL_TIMEOUT_SECONDS,
    Parameters: { Cluster: cluster, 'Task.$': task, Reason: 'the attempt has ended' },
    ResultPath: null,
    Retry: CALL_RETRIES,
  };
}

/** Says why there is no task as ECS said it, so that want of capacity is told from a fault. */
function withoutATask(): object {
  return {
    WasPlaced: {
      Type: 'Choice',
      Choices: [{ Variable: '$.task.Tasks[0]', IsPresent: true, Next: 'Stop' }],
      Default: 'NotPlaced',
    },
    NotPlaced: { Type: 'Fail', Error: NOT_PLACED, CausePath: 'States.JsonToString($.task.Failures)' },
  };
}

/** A launch that timed out may have started a task whose ARN nobody heard: it is found by who started it. */
function afterAFailedLaunch(settings: AttemptMachineSettings): object {
  const { partition, cluster } = settings;
  return {
    Find: {
      Type: 'Task',
      Resource: `arn:${partition}:states:::aws-sdk:ecs:listTasks`,
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
    StopFound: { ...stopTask(settings, '$.found.TaskArns[0]'), Next: 'LaunchUnheard' },
    LaunchUnheard: { Type: 'Fail', Error: LAUNCH_UNHEARD, CausePath: '$.error.Cause' },
    NotLaunched: { Type: 'Fail', ErrorPath: '$.error.Error', CausePath: '$.error.Cause' },
  };
}
