/**
 * What the wiring bed takes from a template and forgets, or never enforces: its deployment says nothing about these properties, so they are
 * asked of the templates themselves.
 */
import type { Resource, Template } from './bed-assembly.ts';

interface Expectation {
  type: string;
  /** Resources that it is asked of; all of the type without it. */
  of?: (resource: Resource) => boolean;
  /** Property path. */
  path: string;
  holds: (value: unknown) => boolean;
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null;
const isTrue = (value: unknown): boolean => value === true;
const bucketNamed =
  (...which: string[]) =>
  ({ Properties }: Resource): boolean =>
    which.some((name) => String(Properties?.BucketName).includes(`-${name}-`));
const isFedQueue = ({ Properties }: Resource): boolean => !/-dead(\.fifo)?$/.test(String(Properties?.QueueName));
const isStream = ({ Properties }: Resource): boolean => isSet(Properties?.StartingPosition);

const PUBLIC_ACCESS = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
const ALGORITHM = 'BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm';

const EXPECTED: readonly Expectation[] = [
  ...PUBLIC_ACCESS.map((one) => ({
    type: 'AWS::S3::Bucket',
    path: `PublicAccessBlockConfiguration.${one}`,
    holds: isTrue,
  })),
  { type: 'AWS::S3::Bucket', of: bucketNamed('ledger'), path: 'ObjectLockEnabled', holds: isTrue },
  { type: 'AWS::S3::Bucket', of: bucketNamed('ledger'), path: ALGORITHM, holds: (value) => value === 'AES256' },
  {
    type: 'AWS::S3::Bucket',
    of: bucketNamed('staging', 'artifacts'),
    path: ALGORITHM,
    holds: (value) => value === 'aws:kms',
  },
  { type: 'AWS::DynamoDB::Table', path: 'TimeToLiveSpecification.Enabled', holds: isTrue },
  { type: 'AWS::DynamoDB::Table', path: 'SSESpecification.KMSMasterKeyId', holds: isSet },
  { type: 'AWS::DynamoDB::Table', path: 'PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled', holds: isTrue },
  { type: 'AWS::SQS::Queue', of: isFedQueue, path: 'RedrivePolicy.deadLetterTargetArn', holds: isSet },
  { type: 'AWS::Lambda::Function', path: 'DeadLetterConfig.TargetArn', holds: isSet },
  { type: 'AWS::Lambda::Function', path: 'Architectures.0', holds: (value) => value === 'arm64' },
  // What calls cost is counted without Lambda's own lines.
  { type: 'AWS::Lambda::Function', path: 'LoggingConfig.SystemLogLevel', holds: (value) => value === 'WARN' },
  { type: 'AWS::Lambda::EventSourceMapping', of: isStream, path: 'BisectBatchOnFunctionError', holds: isTrue },
  {
    type: 'AWS::Lambda::EventSourceMapping',
    of: isStream,
    path: 'MaximumRetryAttempts',
    holds: (value) => value === 5,
  },
  {
    type: 'AWS::Lambda::EventSourceMapping',
    of: isStream,
    path: 'DestinationConfig.OnFailure.Destination',
    holds: isSet,
  },
  { type: 'AWS::StepFunctions::StateMachine', path: 'TracingConfiguration.Enabled', holds: isTrue },
  { type: 'AWS::StepFunctions::StateMachine', path: 'LoggingConfiguration.Level', holds: (value) => value === 'ALL' },
  { type: 'AWS::ECS::TaskDefinition', path: 'TaskRoleArn', holds: (value) => value === undefined },
  ...[0, 1].map((container) => ({
    type: 'AWS::ECS::TaskDefinition',
    path: `ContainerDefinitions.${container}.ReadonlyRootFilesystem`,
    holds: isTrue,
  })),
];

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

/** @returns one line for each resource that lacks what it must have, and for each expectation that no resource is asked of */
export function missingProperties(templates: Iterable<Template>): string[] {
  const resources = [...templates].flatMap((template) => Object.entries(template.Resources));
  return EXPECTED.flatMap(({ type, of, path, holds }) => {
    const asked = resources.filter(([, resource]) => resource.Type === type && (of?.(resource) ?? true));
    if (asked.length === 0) return [`${type} ${path}: there is no such resource`];
    const wrong = asked.filter(([, { Properties }]) => !holds(at(Properties, path)));
    return wrong.map(([id, { Properties }]) => `${id} ${path}: ${JSON.stringify(at(Properties, path))}`);
  });
}
