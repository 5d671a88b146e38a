/**
 * Every finding of the rule packs that is answered with a reason instead of a change. Nothing else in the app acknowledges anything, and a
 * test fails when an entry here answers no finding.
 */
import { CfnResource, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { RoleTable } from './role-table.ts';

export interface Acknowledgement {
  /** Ids as the packs have them; those of one rule in several packs stand together. */
  readonly rules: readonly string[];
  readonly resourceType: string;
  /** Of the construct's path below the deployment. Default: all of the type. */
  readonly path?: RegExp;
  readonly reason: string;
}

const in3 = (rule: string): string[] => [`HIPAA.Security-${rule}`, `NIST.800.53.R5-${rule}`, `PCI.DSS.321-${rule}`];
const in2 = (rule: string): string[] => [`HIPAA.Security-${rule}`, `NIST.800.53.R5-${rule}`];

export const ACKNOWLEDGEMENTS: readonly Acknowledgement[] = [
  {
    rules: in3('S3BucketReplicationEnabled'),
    resourceType: 'AWS::S3::Bucket',
    reason:
      'A second region is the customer’s decision about where data may be. The evidence is versioned and locked, and every bundle that is handed out is a copy.',
  },
  {
    rules: in3('S3DefaultEncryptionKMS'),
    resourceType: 'AWS::S3::Bucket',
    path: /^Ledger\/(Ledger|AccessLogs)\//,
    reason:
      'Roots must not be hostage to a key that somebody can disable, and S3 delivers access logs only into buckets that it encrypts itself. Both are encrypted with keys of S3.',
  },
  {
    rules: in3('S3DefaultEncryptionKMS'),
    resourceType: 'AWS::S3::Bucket',
    path: /^State\/Inbox\//,
    reason:
      'Submitters would need rights on a key beside their own prefix. The inbox is encrypted with keys of S3; what is accepted is copied into artifacts, which a key of the deployment encrypts.',
  },
  {
    rules: in3('S3BucketVersioningEnabled'),
    resourceType: 'AWS::S3::Bucket',
    path: /^State\/Staging\//,
    reason:
      'Staged bytes are hostile until settled and gone in days. Result and outputs are written once (If-None-Match), so there is nothing that an older version could restore.',
  },
  {
    rules: in2('DynamoDBInBackupPlan'),
    resourceType: 'AWS::DynamoDB::Table',
    reason:
      'Point-in-time recovery is on. What must outlive the table is in the ledger, from which docs/how-to/recover-a-store.md makes it again.',
  },
  {
    rules: in3('VPCDefaultSecurityGroupClosed'),
    resourceType: 'AWS::EC2::VPC',
    reason:
      'Only a custom resource could close it, and there is none in the product. Nothing is ever put into that group, and the network has no way out.',
  },
  {
    rules: in2('LambdaConcurrency'),
    resourceType: 'AWS::Lambda::Function',
    reason:
      'Reserved concurrency takes from the account’s pool and stops a queue when it is reached. What runs at once is bounded by queues of runs, by shards, and by one message group for the sequencer.',
  },
  {
    rules: in3('LambdaInsideVPC'),
    resourceType: 'AWS::Lambda::Function',
    reason:
      'Functions run our code alone and reach AWS APIs, witnesses and time-stamping authorities. In the workers’ network they would need ways out that workers must not have.',
  },
  {
    rules: ['Serverless-LambdaTracing'],
    resourceType: 'AWS::Lambda::Function',
    reason:
      'Traces of calls that know nothing of each other would be a tenth of what an item costs. Executions of the attempt machine are traced, by a rule of the deployment; logs name run, item and attempt.',
  },
  {
    rules: ['Serverless-SQSRedrivePolicy'],
    resourceType: 'AWS::SQS::Queue',
    path: /-dead\/Resource$/,
    reason: 'It is a queue of dead letters, and an alarm watches it.',
  },
  {
    rules: ['AwsSolutions-SQS3'],
    resourceType: 'AWS::SQS::Queue',
    path: /\/operators-dead\/Resource$/,
    reason: 'It is the queue of dead letters of a subscription and of two rules, where the pack does not look for one.',
  },
  {
    rules: ['Serverless-LambdaEventSourceMappingDestination'],
    resourceType: 'AWS::Lambda::EventSourceMapping',
    path: /\/From-(submit|release|settle|seal|notify|timers)$/,
    reason: 'For a queue, Lambda knows no such destination: the queue’s own redrive policy moves what fails.',
  },
  {
    rules: ['Serverless-LambdaAsyncFailureDestination'],
    resourceType: 'AWS::Lambda::EventInvokeConfig',
    path: /\/EachMinuteOnce$/,
    reason:
      'A minute that failed is made up for by the next one. It goes to the dead letters of the function, which an alarm watches.',
  },
  {
    rules: ['CloudFormation-Validate::W3010'],
    resourceType: 'AWS::EC2::Subnet',
    reason: 'Zones are typed out, so that synthesis asks no account for them.',
  },
  {
    rules: ['AwsSolutions-ECS2'],
    resourceType: 'AWS::ECS::TaskDefinition',
    reason:
      'Public keys, the origin, a digest and paths: none is a secret, and only a task definition pins them, so that a launch cannot change them.',
  },
];

/** One finding of one rule at one resource, and the reason that answers it. */
export interface Answer {
  readonly construct: CfnResource;
  readonly rule: string;
  readonly reason: string;
}

/** Answers the findings below `deployment`: those of the list, and those about patterns of resources with the reasons in the table of roles. */
export function acknowledge(deployment: Construct, tables: readonly RoleTable[]): void {
  for (const { construct, rule, reason } of answersFor(deployment, tables)) {
    Validations.of(construct).acknowledge({ id: rule, reason });
  }
}

export function answersFor(deployment: Construct, tables: readonly RoleTable[]): Answer[] {
  const prefix = `${deployment.node.path}/`;
  return deployment.node.findAll().flatMap((construct) => {
    if (!CfnResource.isCfnResource(construct)) return [];
    const path = construct.node.path.slice(prefix.length);
    const listed = ACKNOWLEDGEMENTS.filter(
      ({ resourceType, path: where }) => construct.cfnResourceType === resourceType && where?.test(path) !== false,
    ).flatMap(({ rules, reason }) => rules.map((rule) => ({ construct, rule, reason })));
    const role = /^Runtime\/Roles\/(.+)-policy\/Resource$/.exec(path)?.[1];
    return [
      ...listed,
      ...patternsOf(tables.find((table) => table.role === role)).map((answer) => ({ construct, ...answer })),
    ];
  });
}

function patternsOf(table: RoleTable | undefined): { rule: string; reason: string }[] {
  return (table?.statements ?? []).flatMap(({ resources, why }) =>
    why === undefined
      ? []
      : resources
          .filter((resource) => resource.includes('*'))
          .map((resource) => ({ rule: `AwsSolutions-IAM5[Resource::${asPacksSay(resource)}]`, reason: why })),
  );
}

/** The packs write variables of policies in angle brackets. */
function asPacksSay(resource: string): string {
  return resource.replace(/\$\{([^}]+)\}/g, '<$1>');
}
