/** Somebody who submits: a session of the bed that is held by the statements of the inbox, as far as the bed knows them. */

import type { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { inboxPolicy } from '../../lib/bucket-policies.ts';
import { allowedBut } from './bed-policies.ts';
import { ROOT } from './beds/minio.ts';
import type { S3Bed } from './s3-bed.ts';

/** `principal` is what the bed puts in the place of `aws:userid`. */
export async function submitterOn(bed: S3Bed, bucket: string): Promise<{ s3: S3Client; principal: string }> {
  const statements = inboxPolicy({ bucket: `arn:aws:s3:::${bucket}`, engine: [], onBehalf: [] });
  return { s3: await sessionOf(bed, allowedBut(statements)), principal: ROOT.accessKeyId };
}

export async function sessionOf(bed: S3Bed, policy: object): Promise<S3Client> {
  const { Credentials: given } = await bed.sts.send(
    new AssumeRoleCommand({
      RoleArn: 'arn:aws:iam::000000000000:role/somebody',
      RoleSessionName: 'somebody',
      Policy: JSON.stringify(policy),
    }),
  );
  return bed.clientOf({
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  });
}
