/** Why an attempt ended other than well, thrown by whatever found it out. The one place that catches it reports it. */
import { type ErrorCode, TerminalError } from '@waybill/client/errors';
import type { ClaimedOutcome } from '#core/mailbox-protocol.ts';

export class AttemptEnded extends TerminalError {
  readonly outcome: Exclude<ClaimedOutcome, 'succeeded'>;
  /** Reason code, snake_case. */
  readonly reason: string;

  constructor(
    outcome: Exclude<ClaimedOutcome, 'succeeded'>,
    reason: string,
    problem: string,
    options: { path?: string; code?: ErrorCode; cause?: unknown } = {},
  ) {
    super(
      {
        code: options.code ?? 'RESULT_INVALID',
        path: options.path ?? 'attempt',
        problem,
        fix: `Look up ${reason} in the list of reasons.`,
      },
      { cause: options.cause },
    );
    this.outcome = outcome;
    this.reason = reason;
  }
}

/** The job or what it left behind breaks the contract between blocks and the platform. */
export function breach(reason: string, problem: string, path = 'attempt', cause?: unknown): AttemptEnded {
  return new AttemptEnded('contract_error', reason, problem, { path, cause });
}
