import { KEPT } from './kept.ts';
import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const BUCKET = 'AWS::S3::Bucket';
const TABLE = 'AWS::DynamoDB::Table';
const CLOSED = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];

/** What asks for something when it is written. */
const KINDS: Readonly<Record<'inbox' | 'staging', readonly string[]>> = {
  inbox: ['inbox/'],
  staging: ['/key.json', '/result.json'],
};

const named =
  (part: string) =>
  ({ properties }: { properties: Record<string, unknown> }): boolean =>
    String(properties.BucketName).includes(`-${part}-`);

export const STORAGE_RULES: readonly Rule[] = [
  {
    says: 'buckets: each has a literal name, is encrypted, closed to the public, without access lists',
    broken: (templates) =>
      failing(
        all(templates, BUCKET),
        ({ properties }) =>
          typeof properties.BucketName === 'string' &&
          at(properties.BucketEncryption, 'ServerSideEncryptionConfiguration', 0) !== undefined &&
          CLOSED.every((setting) => at(properties.PublicAccessBlockConfiguration, setting) === true) &&
          at(properties.OwnershipControls, 'Rules', 0, 'ObjectOwnership') === 'BucketOwnerEnforced',
      ),
    plant: (templates) => {
      (first(templates, BUCKET).properties.PublicAccessBlockConfiguration as Record<string, boolean>).BlockPublicAcls =
        false;
    },
  },
  {
    says: 'buckets: each refuses plain connections',
    broken: (templates) => {
      const policies = all(templates, 'AWS::S3::BucketPolicy');
      return failing(all(templates, BUCKET), ({ id }) => {
        const policy = policies.find(({ properties }) => at(properties.Bucket, 'Ref') === id);
        return lines(policy?.properties.PolicyDocument).some(
          ({ Effect, Action, Condition }) =>
            Effect === 'Deny' && Action === 's3:*' && Condition?.Bool?.['aws:SecureTransport'] === 'false',
        );
      });
    },
    plant: (templates) => {
      first(templates, 'AWS::S3::BucketPolicy').properties.PolicyDocument = { Statement: [] };
    },
  },
  {
    says: 'buckets: who reads and writes is logged, into a bucket that is not logged itself',
    broken: (templates) =>
      failing(
        all(templates, BUCKET),
        (found) =>
          named('access-logs')(found) ||
          at(found.properties.LoggingConfiguration, 'DestinationBucketName') !== undefined,
      ),
    plant: (templates) => {
      delete first(templates, BUCKET, named('ledger')).properties.LoggingConfiguration;
    },
  },
  {
    says: 'buckets: what takes the access logs is there, with its policy, before what is logged into it',
    broken: (templates) => {
      const logs = first(templates, BUCKET, named('access-logs'));
      const policy = first(
        templates,
        'AWS::S3::BucketPolicy',
        ({ stack, properties }) => stack === logs.stack && at(properties.Bucket, 'Ref') === logs.id,
      );
      // Of another stack, which waits for the whole of this one.
      const logged = all(templates, BUCKET).filter(({ stack, id }) => stack === logs.stack && id !== logs.id);
      return failing(logged, ({ resource }) =>
        [logs.id, policy.id].every((id) => list(resource.DependsOn).includes(id)),
      );
    },
    plant: (templates) => {
      delete first(templates, BUCKET, named('ledger')).resource.DependsOn;
    },
  },
  {
    says: 'ledger: locked, versioned, encrypted by S3 and not by a key, and nothing in it ever expires',
    broken: (templates) =>
      failing([first(templates, BUCKET, named('ledger'))], ({ properties, resource }) => {
        const rule = at(
          properties.BucketEncryption,
          'ServerSideEncryptionConfiguration',
          0,
          'ServerSideEncryptionByDefault',
        );
        return (
          properties.ObjectLockEnabled === true &&
          at(properties.VersioningConfiguration, 'Status') === 'Enabled' &&
          at(rule, 'SSEAlgorithm') === 'AES256' &&
          properties.LifecycleConfiguration === undefined &&
          resource.DeletionPolicy === KEPT
        );
      }),
    plant: (templates) => {
      first(templates, BUCKET, named('ledger')).properties.LifecycleConfiguration = {
        Rules: [{ ExpirationInDays: 1 }],
      };
    },
  },
  {
    says: 'buckets: nothing empties one by itself',
    broken: (templates) =>
      failing(
        all(templates, BUCKET),
        ({ properties }) => !JSON.stringify(properties.Tags ?? []).includes('auto-delete-objects'),
      ),
    plant: (templates) => {
      first(templates, BUCKET, named('ledger')).properties.Tags = [
        { Key: 'aws-cdk:auto-delete-objects', Value: 'true' },
      ];
    },
  },
  {
    says: 'staging and inbox: one queue is told of each kind of object that asks for something, of nothing else, once it lets the bucket in',
    broken: (templates) =>
      (['inbox', 'staging'] as const).flatMap((which) => {
        const bucket = first(templates, BUCKET, named(which));
        const told = (bucket.properties.NotificationConfiguration ?? {}) as { QueueConfigurations?: object[] };
        const queues = told.QueueConfigurations ?? [];
        const kinds = queues.map((one) => at(one, 'Filter', 'S3Key', 'Rules', 0, 'Value'));
        const admits = (one: object) =>
          all(templates, 'AWS::SQS::QueuePolicy').find(
            ({ stack, id, properties }) =>
              stack === bucket.stack &&
              bucket.resource.DependsOn?.includes(id) === true &&
              at(properties.Queues, 0, 'Ref') === at(one, 'Queue', 'Fn::GetAtt', 0) &&
              lines(properties.PolicyDocument).some(
                ({ Principal, Condition }) =>
                  at(Principal, 'Service') === 's3.amazonaws.com' &&
                  String(at(Condition, 'ArnEquals', 'aws:SourceArn')).endsWith(String(bucket.properties.BucketName)) &&
                  at(Condition, 'StringEquals', 'aws:SourceAccount') !== undefined,
              ),
          );
        const isNarrow = JSON.stringify(kinds) === JSON.stringify(KINDS[which]);
        const isAlone = Object.keys(told).length === 1;
        return isNarrow && isAlone && queues.every((one) => admits(one) !== undefined) ? [] : [which];
      }),
    plant: (templates) => {
      for (const { properties } of all(templates, 'AWS::SQS::QueuePolicy')) {
        for (const line of lines(properties.PolicyDocument)) {
          if (at(line.Principal, 'Service') === 's3.amazonaws.com') delete line.Condition;
        }
      }
    },
  },
  {
    says: 'staging: what is in it is gone in days',
    broken: (templates) =>
      failing([first(templates, BUCKET, named('staging'))], ({ properties }) => {
        return Number(at(properties.LifecycleConfiguration, 'Rules', 0, 'ExpirationInDays')) <= 7;
      }),
    plant: (templates) => {
      delete first(templates, BUCKET, named('staging')).properties.LifecycleConfiguration;
    },
  },
  {
    says: 'inbox: answers, what is quarantined and uploads are gone in time, and old versions of answers in a day',
    broken: (templates) =>
      failing([first(templates, BUCKET, named('inbox'))], ({ properties }) => {
        const rules = (at(properties.LifecycleConfiguration, 'Rules') ?? []) as Record<string, unknown>[];
        const of = (prefix: string): unknown => rules.find(({ Prefix }) => Prefix === prefix);
        return (
          ['outbox/', 'quarantine/', 'uploads/'].every((prefix) => Number(at(of(prefix), 'ExpirationInDays')) > 0) &&
          at(of('outbox/'), 'NoncurrentVersionExpiration', 'NoncurrentDays') === 1
        );
      }),
    plant: (templates) => {
      const { LifecycleConfiguration } = first(templates, BUCKET, named('inbox')).properties;
      const rules = at(LifecycleConfiguration, 'Rules') as Record<string, unknown>[];
      delete rules.find(({ Prefix }) => Prefix === 'outbox/')?.NoncurrentVersionExpiration;
    },
  },
  {
    says: 'table: on demand, recoverable, protected, under a key of ours, with both images in its stream',
    broken: (templates) =>
      failing(
        all(templates, TABLE),
        ({ properties }) =>
          properties.BillingMode === 'PAY_PER_REQUEST' &&
          at(properties.PointInTimeRecoverySpecification, 'PointInTimeRecoveryEnabled') === true &&
          properties.DeletionProtectionEnabled === true &&
          at(properties.SSESpecification, 'SSEType') === 'KMS' &&
          at(properties.StreamSpecification, 'StreamViewType') === 'NEW_AND_OLD_IMAGES',
      ),
    plant: (templates) => {
      first(templates, TABLE).properties.DeletionProtectionEnabled = false;
    },
  },
];
