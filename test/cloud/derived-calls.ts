/**
 * What services of AWS call in the roles of a deployment. The bed neither records nor evaluates it, so it is derived here from
 * what makes them do it: event sources, definitions of machines, settings of functions and tasks. What each of them needs is what
 * the documentation of the service names.
 */
import type { DeploymentNames } from '../../lib/deployment-names.ts';
import type { Template } from './bed-assembly.ts';
import type { AskedByRole } from './recorded-actions.ts';

type Resources = Template['Resources'];
type Properties = Record<string, unknown>;

interface Known {
  names: DeploymentNames;
  resolve(reference: unknown): string;
  /** Logical ids by the names under which other stacks import them. */
  exported: ReadonlyMap<string, string>;
}

function exportsOf(templates: readonly Template[]): Map<string, string> {
  const outputs = templates.flatMap(({ Outputs = {} }) => Object.values(Outputs)) as {
    Value: { Ref?: string; 'Fn::GetAtt'?: string[] };
    Export?: { Name: string };
  }[];
  return new Map(
    outputs.flatMap(({ Value, Export }) =>
      Export === undefined ? [] : [[Export.Name, Value['Fn::GetAtt']?.[0] ?? Value.Ref ?? '']],
    ),
  );
}

export function callsOfServices(templates: Iterable<Template>, given: Omit<Known, 'exported'>): AskedByRole[] {
  const all = [...templates];
  const resources: Resources = Object.assign({}, ...all.map(({ Resources }) => Resources));
  const known = { ...given, exported: exportsOf(all) };
  return Object.entries(resources).flatMap(([id, { Type, Properties = {} }]): AskedByRole[] => {
    switch (Type) {
      case 'AWS::Lambda::EventSourceMapping':
        return ofEventSource(Properties, resources, known);
      case 'AWS::Lambda::Function':
        return ofFunction(Properties, resources, known);
      case 'AWS::StepFunctions::StateMachine':
        return ofMachine(Properties, resources, known);
      case 'AWS::ECS::TaskDefinition':
        return ofTask(Properties, id, resources, known);
      case 'AWS::EC2::FlowLog':
        return [
          ...writesLog(known.names.role('flow-logs'), logGroupOf(known, 'flows')),
          ...asks(known.names.role('flow-logs'), known.names.arn.logGroup('flows'), ['logs:DescribeLogStreams']),
          ...asks(known.names.role('flow-logs'), '*', ['logs:DescribeLogGroups']),
        ];
      case 'AWS::Scheduler::ScheduleGroup':
        // Schedules of the group have the function for slots as their target.
        return asks(known.names.role('schedules'), known.names.arn.functionArn('slot'), ['lambda:InvokeFunction']);
      default:
        return [];
    }
  });
}

function asks(role: string, resource: string, actions: readonly string[]): AskedByRole[] {
  return actions.map((action) => ({ role, asked: { action, resource } }));
}

function logGroupOf({ names }: Known, of: string): string {
  return `${names.arn.logGroup(of)}:log-stream:any`;
}

function writesLog(role: string, resource: string): AskedByRole[] {
  return asks(role, resource, ['logs:CreateLogStream', 'logs:PutLogEvents']);
}

const TRACES = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'];

interface Reference {
  Ref?: string;
  'Fn::GetAtt'?: string[];
  'Fn::ImportValue'?: string;
}

function referenced(resources: Resources, reference: unknown, exported?: Known['exported']): Properties {
  const { Ref, 'Fn::GetAtt': [id] = [Ref], 'Fn::ImportValue': imported = '' } = reference as Reference;
  return resources[id ?? exported?.get(imported) ?? '']?.Properties ?? {};
}

function roleOf(resources: Resources, reference: unknown): string {
  return String(referenced(resources, reference).RoleName);
}

function ofEventSource(mapping: Properties, resources: Resources, { names, exported }: Known): AskedByRole[] {
  const role = roleOf(resources, referenced(resources, mapping.FunctionName).Role);
  const { QueueName } = referenced(resources, mapping.EventSourceArn, exported);
  if (QueueName !== undefined) {
    return asks(role, `${names.arn.queue(String(QueueName))}`, [
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
    ]);
  }
  const { OnFailure } = (mapping.DestinationConfig ?? {}) as { OnFailure?: { Destination: unknown } };
  const dead = referenced(resources, OnFailure?.Destination).QueueName;
  return [
    ...asks(role, `${names.arn.table}/stream/any`, [
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
    ]),
    ...asks(role, '*', ['dynamodb:ListStreams']),
    ...asks(role, names.arn.queue(String(dead)), ['sqs:SendMessage']),
  ];
}

function ofFunction(fn: Properties, resources: Resources, known: Known): AskedByRole[] {
  const { arn } = known.names;
  const { exported } = known;
  const role = roleOf(resources, fn.Role);
  const { TargetArn } = fn.DeadLetterConfig as { TargetArn: unknown };
  const { LogGroup } = fn.LoggingConfig as { LogGroup: unknown };
  const group = String(referenced(resources, LogGroup).LogGroupName);
  const [prefix = ''] = arn.logGroup('').split(':log-group:');
  const { Mode } = fn.TracingConfig as { Mode: string };
  return [
    ...asks(role, arn.queue(String(referenced(resources, TargetArn, exported).QueueName)), ['sqs:SendMessage']),
    ...writesLog(role, `${prefix}:log-group:${group}:log-stream:any`),
    ...(Mode === 'Active' ? asks(role, '*', TRACES) : []),
  ];
}

interface State {
  Type: string;
  Resource?: string;
  Parameters?: Record<string, unknown>;
}

/** `arn:aws:states:::aws-sdk:ecs:stopTask` -> `ecs:StopTask` */
function actionOf(resource: string): string {
  const [service = '', call = ''] = resource.replace('aws-sdk:', '').split(':').slice(5).join(':').split(/[:.]/);
  return `${service}:${call.slice(0, 1).toUpperCase()}${call.slice(1)}`;
}

/** Each state that does something asks for it once. */
function ofMachine(machine: Properties, resources: Resources, { names, resolve }: Known): AskedByRole[] {
  const role = String(machine.RoleArn).replace(/^.*:role\//, '');
  const tableKey = tableKeyOf(resources, resolve);
  const { States } = JSON.parse(joined(machine.DefinitionString, resolve)) as { States: Record<string, State> };
  const onTask: Record<string, (parameters: Record<string, unknown>) => string> = {
    'ecs:RunTask': ({ TaskDefinition }) => String(TaskDefinition),
    'ecs:StopTask': () => `${names.arn.cluster.replace(':cluster/', ':task/')}/any`,
    'ecs:ListTasks': () => '*',
    'dynamodb:UpdateItem': () => names.arn.table,
  };
  const calls = Object.values(States).flatMap(({ Type, Resource = '', Parameters = {} }): AskedByRole[] => {
    if (Type !== 'Task') return [];
    const action = actionOf(Resource);
    const resource = onTask[action]?.(Parameters);
    if (resource === undefined) throw new TypeError(`what ${Resource} asks for is not known here`);
    const task = onTask['ecs:StopTask']?.(Parameters) ?? '';
    return [
      ...asks(role, resource, [action]),
      // A task gets the tags of its definition when it is started.
      ...(Parameters.PropagateTags === undefined ? [] : asks(role, task, ['ecs:TagResource'])),
      ...(action.startsWith('dynamodb:') ? asks(role, tableKey, ['kms:Decrypt', 'kms:DescribeKey']) : []),
    ];
  });
  const tasks = Object.values(resources).filter(({ Type }) => Type === 'AWS::ECS::TaskDefinition');
  const passed = tasks.map(({ Properties }) => String(Properties?.ExecutionRoleArn));
  const { Enabled } = machine.TracingConfiguration as { Enabled: boolean };
  return [
    ...calls,
    ...passed.flatMap((arn) => asks(role, arn, ['iam:PassRole'])),
    ...(Enabled ? asks(role, '*', TRACES) : []),
    ...(machine.LoggingConfiguration === undefined ? [] : asks(role, '*', LOG_DELIVERY)),
  ];
}

/** DynamoDB uses it with the rights of whoever calls. */
function tableKeyOf(resources: Resources, resolve: (reference: unknown) => string): string {
  const table = Object.values(resources).find(({ Type }) => Type === 'AWS::DynamoDB::Table');
  const encryption = table?.Properties?.SSESpecification as { KMSMasterKeyId: unknown } | undefined;
  return resolve(encryption?.KMSMasterKeyId);
}

/** Names them for machines that log: the deliveries are of the account, and not of a log group. */
const LOG_DELIVERY = [
  'CreateLogDelivery',
  'GetLogDelivery',
  'UpdateLogDelivery',
  'DeleteLogDelivery',
  'ListLogDeliveries',
  'PutResourcePolicy',
  'DescribeResourcePolicies',
  'DescribeLogGroups',
].map((action) => `logs:${action}`);

function joined(text: unknown, resolve: (reference: unknown) => string): string {
  if (typeof text === 'string') return text;
  const { 'Fn::Join': [, parts] = ['', []] } = text as { 'Fn::Join'?: [string, unknown[]] };
  // Whatever is put in stands in a text of JSON.
  return parts.map((part) => (typeof part === 'string' ? part : nameOf(part, resolve))).join('');
}

/** Subnets and the like need no permission of their own. */
function nameOf(reference: unknown, resolve: (reference: unknown) => string): string {
  return 'Ref' in (reference as object) ? resolve(reference) : 'another';
}

function ofTask(task: Properties, id: string, _resources: Resources, known: Known): AskedByRole[] {
  const role = String(task.ExecutionRoleArn).replace(/^.*:role\//, '');
  const containers = task.ContainerDefinitions as { Image: unknown; LogConfiguration?: object }[];
  const images = containers.map(({ Image }) => (typeof Image === 'string' ? Image : id));
  const fromOurs = images.flatMap((image) => {
    const [, account = '', region = '', repository = ''] =
      /^(\d+)\.dkr\.ecr\.([\w-]+)\.amazonaws\.com\/([^@:]+)/.exec(image) ?? [];
    return account === '' ? [] : [`arn:aws:ecr:${region}:${account}:repository/${repository}`];
  });
  return [
    ...writesLog(role, logGroupOf(known, 'worker')),
    ...(fromOurs.length > 0 ? asks(role, '*', ['ecr:GetAuthorizationToken']) : []),
    ...fromOurs.flatMap((arn) =>
      asks(role, arn, ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage']),
    ),
  ];
}
