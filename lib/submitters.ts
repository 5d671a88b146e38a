/** What people may do who submit, and who register, and no more than `waybill` asks for on their behalf. */
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';
import { policyStatements } from './policy-statements.ts';
import type { KeyArns, Statement } from './statement.ts';

/** Whoever asks; IAM puts the id in. */
const OWN = `\${aws:userid}`;
/** Keys of what is registered, in the inbox. */
const REGISTERED = 'registry/*';
const OWN_KEYS = 'IAM narrows the pattern to keys with the caller’s own id in them.';

export function submitterStatements({ arn, region }: DeploymentNames, keys: KeyArns): Statement[] {
  const submitted = [`inbox/*/${OWN}/*`, `uploads/${OWN}/*`].map((pattern) => arn.objects('inbox', pattern));
  const own = { why: OWN_KEYS };
  return [
    { sid: 'SubmitOwn', actions: ['s3:PutObject'], resources: submitted, ...own },
    {
      sid: 'ReadOwn',
      actions: ['s3:GetObject'],
      resources: [...submitted, arn.objects('inbox', `outbox/${OWN}/*`)],
      ...own,
    },
    {
      // `waybill runs`, and to tell an answer that is not there yet from one that may not be read
      sid: 'ListOwnOutbox',
      actions: ['s3:ListBucket'],
      resources: [arn.bucket('inbox')],
      conditions: { StringLike: { 's3:prefix': `outbox/${OWN}/*` } },
    },
    {
      sid: 'ReadRegistry',
      actions: ['s3:GetObject'],
      resources: [arn.objects('inbox', REGISTERED)],
      why: 'What is registered is for everybody who submits.',
    },
    {
      // the newest of a name is found by listing
      sid: 'ListRegistry',
      actions: ['s3:ListBucket'],
      resources: [arn.bucket('inbox')],
      conditions: { StringLike: { 's3:prefix': REGISTERED } },
    },
    {
      sid: 'ReadOutcomes',
      actions: ['s3:GetObject'],
      resources: [arn.objects('artifacts', 'sha256/*'), arn.objects('ledger', 'runs/*')],
      why: 'An artifact is named by its digest and a bundle by its run, which the status of a run tells its submitter.',
    },
    {
      // `waybill logs --follow`
      sid: 'ReadRunningLogs',
      actions: ['s3:GetObject'],
      resources: [arn.objects('staging', `logs/${OWN}/*`)],
      ...own,
    },
    {
      sid: 'DecryptArtifacts',
      actions: ['kms:Decrypt'],
      resources: [keys.data],
      conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
    },
    {
      sid: 'PublicKeys',
      actions: ['kms:GetPublicKey'],
      resources: [...keys.attest, ...keys.log],
    },
  ];
}

/** What people may do who register, beside what submitters may: what they register runs in the items of others. */
export function registrarStatements({ arn }: DeploymentNames): Statement[] {
  return [
    {
      sid: 'Register',
      actions: ['s3:PutObject'],
      resources: [arn.objects('inbox', REGISTERED)],
      why: 'Nothing there is ever written over, by the policy of the bucket.',
    },
  ];
}

/** Whom a policy is for. */
const PEOPLE = { submitters: 'people who submit', registrars: 'people who register' } as const;
export type People = keyof typeof PEOPLE;

/** To be attached to people's roles by whoever runs the account. */
export function peoplesPolicies(
  scope: Construct,
  names: DeploymentNames,
  statementsOf: Readonly<Record<People, readonly Statement[]>>,
): void {
  for (const people of ['submitters', 'registrars'] as const) {
    new ManagedPolicy(scope, `${people}-policy`, {
      managedPolicyName: names.role(people),
      description: `Waybill ${names.name}: everything that ${PEOPLE[people]} may do`,
      statements: policyStatements(statementsOf[people]),
    });
  }
}
