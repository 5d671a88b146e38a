import { all, at, failing, first, lines, type Rule } from './rule.ts';

/** Policies that say who may come from elsewhere: of buckets, keys, queues, topics. */
const RESOURCE_POLICIES = [
  ['AWS::S3::BucketPolicy', 'PolicyDocument'],
  ['AWS::SQS::QueuePolicy', 'PolicyDocument'],
  ['AWS::SNS::TopicPolicy', 'PolicyDocument'],
  ['AWS::KMS::Key', 'KeyPolicy'],
] as const;

/** Keys of all conditions. */
function tiesOf(condition: Record<string, Record<string, unknown>>): string[] {
  return Object.values(condition).flatMap((keys) => Object.keys(keys));
}

export const RESOURCE_POLICY_RULES: readonly Rule[] = [
  {
    says: 'policies of resources: what a service may do is tied to this account or one of its things',
    broken: (templates) =>
      RESOURCE_POLICIES.flatMap(([type, document]) =>
        failing(all(templates, type), ({ properties }) =>
          lines(properties[document])
            .filter(({ Effect, Principal }) => Effect === 'Allow' && at(Principal, 'Service') !== undefined)
            .every(({ Condition }) => /aws:Source|aws:logs:arn|aws:sns:topicArn/.test(JSON.stringify(Condition ?? {}))),
        ),
      ),
    plant: (templates) => {
      for (const { properties } of all(templates, 'AWS::SQS::QueuePolicy')) {
        for (const line of lines(properties.PolicyDocument)) delete line.Condition;
      }
    },
  },
  {
    says: 'policies of resources: EventBridge is asked for nothing that it does not say, or nothing would be delivered',
    broken: (templates) => {
      const said = RESOURCE_POLICIES.flatMap(([type, document]) =>
        all(templates, type).flatMap(({ stack, id, properties }) =>
          lines(properties[document])
            .filter(({ Principal }) => JSON.stringify(Principal).includes('events.amazonaws.com'))
            .map(({ Condition = {} }) => ({ of: `${stack}/${id}`, type, tied: tiesOf(Condition) })),
        ),
      );
      const tie = (type: string): string =>
        type === 'AWS::KMS::Key' ? 'kms:EncryptionContext:aws:sns:topicArn' : 'aws:SourceArn';
      return said.length === 0
        ? ['nothing is delivered']
        : said.filter(({ type, tied }) => tied.join() !== tie(type)).map(({ of }) => of);
    },
    plant: (templates) => {
      for (const { properties } of all(templates, 'AWS::KMS::Key')) {
        for (const line of lines(properties.KeyPolicy)) {
          if (JSON.stringify(line.Principal).includes('events.amazonaws.com'))
            line.Condition = { StringEquals: { 'aws:SourceAccount': '000000000000' } };
        }
      }
    },
  },
  {
    says: 'policies of buckets: nobody of this account is granted anything there, roles have it in their table',
    broken: (templates) =>
      failing(all(templates, 'AWS::S3::BucketPolicy'), ({ properties }) =>
        lines(properties.PolicyDocument).every(
          ({ Effect, Principal, Sid }) =>
            Effect === 'Deny' ||
            at(Principal, 'Service') === 'logging.s3.amazonaws.com' ||
            Sid?.startsWith('Auditors') === true,
        ),
      ),
    plant: (templates) => {
      lines(first(templates, 'AWS::S3::BucketPolicy').properties.PolicyDocument).push({
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::000000000000:root' },
        Action: 's3:GetObject',
        Resource: '*',
      });
    },
  },
];
