/** The way to a deployment in AWS. Kept apart from the index: whoever works in a directory loads nothing of the SDK. */
import { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { awsFailure } from './aws-errors.ts';
import type { Deployment } from './deployment.ts';
import { TerminalError } from './errors.ts';
import { checkPrincipal } from './object-names.ts';
import { S3Transport, type S3TransportOptions } from './s3-transport.ts';

export { awsFailure, awsNameOf, statusOf } from './aws-errors.ts';
export { readTrust } from './aws-keys.ts';
export { S3Transport, type S3TransportOptions } from './s3-transport.ts';

export interface CallerIdentity {
  account: string;
  /** `aws:userid`: `AIDA...` of a user, `AROA...:<session>` of a role. */
  userId: string;
  arn: string;
}

/** Who the credentials of the SDK's default chain belong to. */
export async function callerIdentity(region: string): Promise<CallerIdentity> {
  const sts = new STSClient({ region });
  const found = await sts.send(new GetCallerIdentityCommand({})).catch((cause: unknown) => {
    throw awsFailure(cause, 'sts:GetCallerIdentity');
  });
  return { account: found.Account ?? '', userId: found.UserId ?? '', arn: found.Arn ?? '' };
}

/**
 * A transport with the credentials of the SDK's default chain; the principal is who STS says they belong to. The SDK's own
 * variables say where services are, when not at AWS (`AWS_ENDPOINT_URL_S3`).
 * Throws TerminalError CREDENTIALS_INVALID, or ACCESS_DENIED for credentials of another account.
 */
export async function openS3Transport(deployment: Deployment, options: S3TransportOptions = {}): Promise<S3Transport> {
  const { account, userId, arn } = await callerIdentity(deployment.region);
  if (account !== deployment.account) {
    throw new TerminalError({
      code: 'ACCESS_DENIED',
      path: 'account',
      problem: `the credentials (${arn}) are of account ${account}, the deployment is in ${deployment.account}`,
      fix: 'Choose a profile of that account (AWS_PROFILE), or another deployment file.',
    });
  }
  const client = new S3Client({ region: deployment.region, requestHandler: TIMEOUTS });
  return new S3Transport(client, deployment, checkPrincipal(userId), options);
}

/** Without them a connection that says nothing is waited for without end. */
const TIMEOUTS = { connectionTimeout: 10_000, socketTimeout: 60_000 };
