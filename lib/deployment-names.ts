/** Every literal name of a deployment, and the ARNs that follow from them: roles, policies and routes are written in these. */

export interface Place {
  /** Prefix of every name: two deployments in one account and region differ in it. */
  readonly name: string;
  readonly account: string;
  readonly region: string;
}

/** One Lambda function each; `lambdas/<name>` holds its code. */
export const FUNCTIONS = [
  'submit',
  'advance',
  'dispatch',
  'release',
  'settle',
  'seal',
  'notify',
  'reconcile',
  'slot',
  'doctor',
] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** Queues that feed a function. `seal` is FIFO: one message group, so one sequencer at a time. */
export const QUEUES = ['submit', 'release', 'settle', 'seal', 'notify', 'timers'] as const;
export type QueueName = (typeof QUEUES)[number];

export const BUCKETS = ['inbox', 'staging', 'artifacts', 'ledger', 'access-logs'] as const;
export type BucketName = (typeof BUCKETS)[number];

/** The version of an attempt machine that new attempts start on. */
export const LIVE_ALIAS = 'live';

/** The environment of items that name none. */
export const DEFAULT_ENVIRONMENT = 'default';

export interface DeploymentNames extends Place {
  readonly partition: string;
  /** Of the services of AWS there. */
  readonly dnsSuffix: string;
  readonly table: string;
  readonly bus: string;
  readonly cluster: string;
  readonly scheduleGroup: string;
  readonly topic: string;
  bucket(which: BucketName): string;
  queue(which: QueueName): string;
  deadLetters(of: string): string;
  role(of: string): string;
  rule(of: string): string;
  functionName(which: FunctionName): string;
  machine(environment: string): string;
  taskFamily(environment: string): string;
  logGroup(of: string): string;
  /** Step Functions needs the prefix: past a size, the policy of log deliveries admits groups of no other. */
  machineLogGroup(environment: string): string;
  readonly arn: DeploymentArns;
}

export interface DeploymentArns {
  readonly table: string;
  readonly bus: string;
  readonly cluster: string;
  readonly root: string;
  bucket(which: BucketName): string;
  /** @param keys a key or a pattern of keys */
  objects(which: BucketName, keys: string): string;
  queue(name: string): string;
  role(of: string): string;
  rule(of: string): string;
  functionArn(which: FunctionName): string;
  /** Every schedule of the deployment's group. */
  readonly schedules: string;
  machine(environment: string): string;
  machineAlias(environment: string): string;
  /** Every revision of the environment's task definition. */
  taskRevisions(environment: string): string;
  /** @param execution a name or a pattern of names */
  execution(environment: string, execution: string): string;
  logGroup(of: string): string;
  /** @param environment a name or a pattern of names */
  machineLogGroup(environment: string): string;
  /** To which operators subscribe. */
  readonly topic: string;
}

/** Of a region: known when the app is synthesized, so that ARNs are plain text that a reader can compare. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

export function deploymentNames(place: Place): DeploymentNames {
  const { name, account, region } = place;
  const partition = partitionOf(region);
  const regional = (service: string, rest: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${rest}`;
  const names = {
    ...place,
    partition,
    dnsSuffix: partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com',
    table: name,
    bus: name,
    cluster: name,
    scheduleGroup: name,
    bucket: (which: BucketName): string => `${name}-${which}-${account}-${region}`,
    queue: (which: QueueName): string => (which === 'seal' ? `${name}-seal.fifo` : `${name}-${which}`),
    deadLetters: (of: string): string => (of === 'seal' ? `${name}-seal-dead.fifo` : `${name}-${of}-dead`),
    role: (of: string): string => `${name}-${region}-${of}`,
    rule: (of: string): string => `${name}-${of}`,
    functionName: (which: FunctionName): string => `${name}-${which}`,
    machine: (environment: string): string => `${name}-attempt-${environment}`,
    taskFamily: (environment: string): string => `${name}-worker-${environment}`,
    logGroup: (of: string): string => `/waybill/${name}/${of}`,
    machineLogGroup: (environment: string): string => `/aws/vendedlogs/states/${name}-attempt-${environment}`,
    topic: `${name}-operators`,
  };
  const arn: DeploymentArns = {
    table: regional('dynamodb', `table/${names.table}`),
    bus: regional('events', `event-bus/${names.bus}`),
    cluster: regional('ecs', `cluster/${names.cluster}`),
    root: `arn:${partition}:iam::${account}:root`,
    bucket: (which) => `arn:${partition}:s3:::${names.bucket(which)}`,
    objects: (which, keys) => `arn:${partition}:s3:::${names.bucket(which)}/${keys}`,
    queue: (queue) => regional('sqs', queue),
    role: (of) => `arn:${partition}:iam::${account}:role/${names.role(of)}`,
    rule: (of) => regional('events', `rule/${names.rule(of)}`),
    schedules: regional('scheduler', `schedule/${names.scheduleGroup}/*`),
    functionArn: (which) => regional('lambda', `function:${names.functionName(which)}`),
    machine: (environment) => regional('states', `stateMachine:${names.machine(environment)}`),
    machineAlias: (environment) => regional('states', `stateMachine:${names.machine(environment)}:${LIVE_ALIAS}`),
    taskRevisions: (environment) => regional('ecs', `task-definition/${names.taskFamily(environment)}:*`),
    execution: (environment, execution) => regional('states', `execution:${names.machine(environment)}:${execution}`),
    logGroup: (of) => regional('logs', `log-group:${names.logGroup(of)}`),
    machineLogGroup: (environment) => regional('logs', `log-group:${names.machineLogGroup(environment)}`),
    topic: regional('sns', names.topic),
  };
  return { ...names, arn };
}
