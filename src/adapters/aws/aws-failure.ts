import { RetryableError, TerminalError, type WaybillError } from '@waybill/client/errors';

/** What the SDK throws, as far as it is looked at. */
interface Thrown {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Asking too often, by the names that the services give it. ECS may call it an invalid parameter: only its text tells. */
const THROTTLED =
  /^(Throttl\w*|TooManyRequests\w*|RequestLimitExceeded|ProvisionedThroughputExceeded\w*|LimitExceeded\w*)$/;
const THROTTLED_TEXT = /rate exceeded|throttl|too many (concurrent )?requests|capacity is unavailable/i;
/** Asking again cannot help before somebody changes the deployment. */
const DENIED = /^(AccessDenied\w*|UnauthorizedOperation|UnrecognizedClient\w*|InvalidClientTokenId)$/;
const ABSENT = /^(ResourceNotFound\w*|NotFoundException|StateMachineDoesNotExist|ClusterNotFound\w*)$/;
const INVALID = /^(Validation\w*|Serialization\w*|Invalid\w*|MissingParameter\w*)$/;

export function nameOf(error: unknown): string {
  return (error as Thrown | null)?.name ?? 'unknown';
}

export function textOf(error: unknown): string {
  return (error as Thrown | null)?.message ?? '';
}

/** @param path what was asked: a service and what of it */
export function awsFailure(path: string, cause: unknown): WaybillError {
  const said = `${nameOf(cause)}: ${textOf(cause)}`.slice(0, 1_000);
  if (THROTTLED.test(nameOf(cause)) || THROTTLED_TEXT.test(textOf(cause))) {
    const problem = `AWS asks to slow down (${said})`;
    return new RetryableError({ code: 'STORE_BUSY', path, problem, fix: 'Try again later.' }, { cause });
  }
  const fix = remedyOf(nameOf(cause));
  if (fix !== undefined) {
    return new TerminalError({ code: 'STORE_FAILED', path, problem: `AWS refuses this (${said})`, fix }, { cause });
  }
  const problem = `AWS did not answer as it should (${said})`;
  return new RetryableError({ code: 'STORE_BUSY', path, problem, fix: 'Try again.' }, { cause });
}

function remedyOf(name: string): string | undefined {
  if (DENIED.test(name)) return 'Compare the policies of this role with those of the deployed template.';
  if (ABSENT.test(name)) return 'Deploy again; look which resource of the deployment was deleted.';
  if (INVALID.test(name)) return 'Report this as a defect: the request is not one that AWS takes.';
  return undefined;
}
