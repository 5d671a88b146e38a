/** What people who submit may do, and no more than `waybill` asks for on their behalf. */
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';
import type { KeyArns, Statement } from './statement.ts';

/** Whoever asks; IAM puts the id in. */
const OWN = `\${aws:userid}`;
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
      sid: 'ReadOutcomes',
      actions: ['s3:GetObject'],
      resources: [arn.objects('artifacts', 'sha256/*'), arn.objects('ledger', 'runs/*')],
      why: 'An artifact is named by its digest and a bundle by its run, which the status of a run tells its submitter.',
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

/** To be attached to people's roles by whoever runs the account. */
export function submittersPolicy(scope: Construct, names: DeploymentNames, statements: readonly Statement[]): void {
  new ManagedPolicy(scope, 'submitters-policy', {
    managedPolicyName: names.role('submitters'),
    description: `Waybill ${names.name}: everything that people who submit may do`,
    statements: statements.map(
      ({ sid, actions, resources, conditions }) =>
        new PolicyStatement({
          sid,
          actions: [...actions],
          resources: [...resources],
          ...(conditions && { conditions }),
        }),
    ),
  });
}
