/**
 * The closed set of error codes that a person or a program can meet, and the two classes that decide what to do next:
 * a TerminalError will fail again however often it is tried; a RetryableError may pass if tried later.
 * Codes are never renamed: receipts, exit codes and retry lists are made from them.
 */
export const ERROR_CODES = [
  // the submission itself
  'SPEC_SYNTAX',
  'SPEC_TOO_LARGE',
  'SPEC_INVALID',
  'SPEC_UNKNOWN_KEY',
  'SPEC_LIMIT',
  'SPEC_DUPLICATE_ID',
  'SPEC_UNKNOWN_REFERENCE',
  'SPEC_CYCLE',
  'SPEC_CREDENTIAL',
  'SOURCE_UNRESOLVED',
  'SOURCE_MISSING',
  'SOURCE_INVALID',
  'QUEUE_UNKNOWN',
  'QUEUE_DRAINING',
  'ENVIRONMENT_UNKNOWN',
  'PRINCIPAL_MISMATCH',
  'KEY_INVALID',
  'SUBMISSION_CONFLICT',
  'ISOLATION_REQUIRED',
  'EGRESS_DENIED',
  // control objects
  'RUN_UNKNOWN',
  'RUN_SEALED',
  'RUN_CLOSED',
  'ITEM_UNKNOWN',
  'ITEM_STATE',
  'SCHEDULE_UNKNOWN',
  // storage and the engine
  'ROW_CONFLICT',
  'ROW_TOO_LARGE',
  'TRANSACTION_TOO_LARGE',
  'OBJECT_MISSING',
  'OBJECT_CONFLICT',
  'OBJECT_DIGEST_MISMATCH',
  'OBJECT_TOO_LARGE',
  'STORE_BUSY',
  'STORE_FAILED',
  'ENGINE_RUNNING',
  'ENGINE_UNREACHABLE',
  'LAUNCH_DEFERRED',
  'LAUNCH_FAILED',
  'LOG_NOT_BEGUN',
  'LEDGER_INCONSISTENT',
  'LEASE_INVALID',
  'MAILBOX_UNREACHABLE',
  'RESULT_INVALID',
  'SECRET_UNAVAILABLE',
  'MODEL_UNAVAILABLE',
  'INTENT_INVALID',
  'EVENT_INVALID',
  // timestamp authorities
  'TSA_UNREACHABLE',
  'TSA_REFUSED',
  'TSA_INVALID',
  // witnesses
  'WITNESS_CONFLICT',
  'WITNESS_REFUSED',
  'WITNESS_INVALID',
  'WITNESS_DISAGREES',
  'WITNESS_UNREACHABLE',
  // a deployment in AWS, as a client meets it
  'DEPLOYMENT_INVALID',
  'CREDENTIALS_INVALID',
  'ACCESS_DENIED',
  // the command line
  'USAGE',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'GIT_UNAVAILABLE',
  'GIT_FAILED',
  'PATCH_CONFLICT',
  'TIMED_OUT',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One reason for a refusal: where (`spec.items[3].needs.patch`), what is wrong, and what to do about it. */
export interface Refusal {
  code: ErrorCode;
  path: string;
  problem: string;
  fix: string;
}

/** What both error classes carry; thrown only as one of the two. */
export abstract class WaybillError extends Error implements Refusal {
  abstract readonly retryable: boolean;
  readonly code: ErrorCode;
  readonly path: string;
  readonly problem: string;
  readonly fix: string;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(`${refusal.path}: ${refusal.problem} (${refusal.code}). ${refusal.fix}`, options);
    this.code = refusal.code;
    this.path = refusal.path;
    this.problem = refusal.problem;
    this.fix = refusal.fix;
  }
}

/** Trying again without a change cannot help. */
export class TerminalError extends WaybillError {
  override readonly name = 'TerminalError';
  readonly retryable = false;
}

/** The same call may pass later: a conflict, a busy store, an endpoint that is away. */
export class RetryableError extends WaybillError {
  override readonly name = 'RetryableError';
  readonly retryable = true;
}
