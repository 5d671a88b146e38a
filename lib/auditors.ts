/** What auditors may read in the account, who may be of another one: the public halves of the keys, and the ledger. */
import { ArnPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';

export function letReadPublicKey(key: Key, principals: readonly string[]): void {
  if (principals.length === 0) return;
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AuditorsReadThePublicKey',
      principals: principals.map((principal) => new ArnPrincipal(principal)),
      actions: ['kms:GetPublicKey', 'kms:DescribeKey'],
      resources: ['*'],
    }),
  );
}

/** Objects, their versions and their locks: what `waybill-verify --online` asks for. */
export function letReadLedger(ledger: Bucket, principals: readonly string[]): void {
  if (principals.length === 0) return;
  const auditors = principals.map((principal) => new ArnPrincipal(principal));
  ledger.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AuditorsReadObjects',
      principals: auditors,
      actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectRetention'],
      resources: [ledger.arnForObjects('*')],
    }),
  );
  ledger.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AuditorsReadTheBucket',
      principals: auditors,
      actions: [
        's3:ListBucket',
        's3:ListBucketVersions',
        's3:GetBucketObjectLockConfiguration',
        's3:GetBucketVersioning',
      ],
      resources: [ledger.bucketArn],
    }),
  );
}
