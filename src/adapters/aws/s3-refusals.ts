/** What S3 says when it does not do what it was asked, and what we make of it. */
import { RetryableError, WaybillError } from '@waybill/client/errors';

/** Permissions and keys can be put right, and throttling passes: nothing that S3 refuses is for good. */
export function trouble(bucket: string, key: string, cause: unknown): WaybillError {
  if (cause instanceof WaybillError) return cause;
  return new RetryableError(
    {
      code: 'STORE_BUSY',
      path: `s3://${bucket}/${key}`.slice(0, 500),
      problem: `the object store refused or did not answer: ${nameOf(cause)} (${statusOf(cause) ?? 'no status'})`,
      fix: 'Try again; if it stays, check the permissions of this role and the state of the bucket and its key.',
    },
    { cause },
  );
}

/** No such object. A bucket that is not there is trouble. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NoSuchVersion', 'NotFound'].includes(nameOf(error));
}

export function nameOf(error: unknown): string {
  if (error instanceof Error) return error.name;
  return typeof error === 'object' && error !== null && 'Code' in error ? String(error.Code) : 'unknown';
}

export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  return (error.$metadata as { httpStatusCode?: number }).httpStatusCode;
}
