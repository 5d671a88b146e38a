/** What the exit code of `waybill` says. `waybill audit verify` answers with the verifier's own codes instead. */
import type { ErrorCode } from '@waybill/client/errors';

export const EXIT = {
  ok: 0,
  /** The run did not end as done; a patch does not apply; something contradicts itself. */
  failed: 1,
  /** The engine or the spec's rules refused what was asked. */
  refused: 2,
  /** The input could not be read as what it should be. */
  malformed: 3,
  /** What was typed cannot be meant, or what it names is not there. */
  usage: 4,
  engineUnreachable: 5,
  /** A fault of the program itself: nothing is said about the run or the evidence. */
  internal: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Complete by its type: a new error code does not compile before it is decided here. */
const EXIT_OF: Record<ErrorCode, ExitCode> = {
  SPEC_SYNTAX: EXIT.malformed,
  SPEC_TOO_LARGE: EXIT.refused,
  SPEC_INVALID: EXIT.refused,
  SPEC_UNKNOWN_KEY: EXIT.refused,
  SPEC_LIMIT: EXIT.refused,
  SPEC_DUPLICATE_ID: EXIT.refused,
  SPEC_UNKNOWN_REFERENCE: EXIT.refused,
  SPEC_CYCLE: EXIT.refused,
  SPEC_CREDENTIAL: EXIT.refused,
  SOURCE_UNRESOLVED: EXIT.refused,
  SOURCE_MISSING: EXIT.refused,
  SOURCE_INVALID: EXIT.refused,
  QUEUE_UNKNOWN: EXIT.refused,
  ENVIRONMENT_UNKNOWN: EXIT.refused,
  QUEUE_DRAINING: EXIT.refused,
  PRINCIPAL_MISMATCH: EXIT.refused,
  KEY_INVALID: EXIT.refused,
  SUBMISSION_CONFLICT: EXIT.refused,
  ISOLATION_REQUIRED: EXIT.refused,
  EGRESS_DENIED: EXIT.refused,
  RUN_UNKNOWN: EXIT.usage,
  RUN_SEALED: EXIT.refused,
  RUN_CLOSED: EXIT.refused,
  ITEM_UNKNOWN: EXIT.usage,
  ITEM_STATE: EXIT.refused,
  SCHEDULE_UNKNOWN: EXIT.usage,
  ROW_CONFLICT: EXIT.failed,
  ROW_TOO_LARGE: EXIT.failed,
  TRANSACTION_TOO_LARGE: EXIT.failed,
  OBJECT_MISSING: EXIT.usage,
  OBJECT_CONFLICT: EXIT.failed,
  OBJECT_DIGEST_MISMATCH: EXIT.failed,
  OBJECT_TOO_LARGE: EXIT.refused,
  STORE_BUSY: EXIT.engineUnreachable,
  STORE_FAILED: EXIT.engineUnreachable,
  ENGINE_RUNNING: EXIT.engineUnreachable,
  ENGINE_UNREACHABLE: EXIT.engineUnreachable,
  LAUNCH_DEFERRED: EXIT.engineUnreachable,
  LAUNCH_FAILED: EXIT.engineUnreachable,
  LOG_NOT_BEGUN: EXIT.engineUnreachable,
  LEDGER_INCONSISTENT: EXIT.failed,
  LEASE_INVALID: EXIT.failed,
  MAILBOX_UNREACHABLE: EXIT.engineUnreachable,
  RESULT_INVALID: EXIT.failed,
  SECRET_UNAVAILABLE: EXIT.refused,
  MODEL_UNAVAILABLE: EXIT.failed,
  INTENT_INVALID: EXIT.failed,
  EVENT_INVALID: EXIT.failed,
  TSA_UNREACHABLE: EXIT.engineUnreachable,
  TSA_REFUSED: EXIT.failed,
  TSA_INVALID: EXIT.failed,
  WITNESS_CONFLICT: EXIT.failed,
  WITNESS_REFUSED: EXIT.failed,
  WITNESS_INVALID: EXIT.failed,
  WITNESS_DISAGREES: EXIT.failed,
  WITNESS_UNREACHABLE: EXIT.engineUnreachable,
  DEPLOYMENT_INVALID: EXIT.usage,
  CREDENTIALS_INVALID: EXIT.engineUnreachable,
  ACCESS_DENIED: EXIT.engineUnreachable,
  USAGE: EXIT.usage,
  FILE_UNREADABLE: EXIT.usage,
  FILE_UNWRITABLE: EXIT.usage,
  GIT_UNAVAILABLE: EXIT.failed,
  GIT_FAILED: EXIT.failed,
  PATCH_CONFLICT: EXIT.failed,
  TIMED_OUT: EXIT.engineUnreachable,
};

/** The exit code for refusals: the first one decides, since all of one answer are of one kind. */
export function exitOf(codes: readonly ErrorCode[]): ExitCode {
  const [first] = codes;
  return first === undefined ? EXIT.failed : EXIT_OF[first];
}
