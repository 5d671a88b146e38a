/** Names that become parts of paths and keys: checked wherever they come from outside. */
import { type Refusal, TerminalError } from './errors.ts';

const SUBMISSION_ID = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const PRINCIPAL = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:@+=,-]{0,255}$/;
const QUEUE = /^(?:@control|(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62})$/;
const LEDGER_KEY = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?:[a-zA-Z0-9._-]+\/)*[a-zA-Z0-9._-]+$/;

export function isSubmissionId(text: string): boolean {
  return SUBMISSION_ID.test(text);
}

export function isPrincipal(text: string): boolean {
  return PRINCIPAL.test(text);
}

/** Each returns the name, or throws TerminalError KEY_INVALID. */
export function checkSubmissionId(text: string): string {
  return checked(text, SUBMISSION_ID, 'submissionId', 'Use 1 to 128 letters, digits, `.`, `_` and `-`, without `..`.');
}

/** What a person types for the run of theirs that was opened last. */
export const LATEST_RUN = 'latest';

/** Why no run is opened under that submission id, which commands take for another one; null where it may be. */
export function refuseRunId(submissionId: string): Refusal | null {
  if (submissionId !== LATEST_RUN) return null;
  const problem = `commands take ${JSON.stringify(LATEST_RUN)} for the run that was opened last`;
  return { code: 'KEY_INVALID', path: 'submissionId', problem, fix: 'Submit it under another id.' };
}

export function checkPrincipal(text: string): string {
  return checked(text, PRINCIPAL, 'principal', 'Use the principal as the deployment names it.');
}

export function checkQueue(text: string): string {
  return checked(text, QUEUE, 'queue', 'Use a queue of the deployment.');
}

export function checkLedgerKey(text: string): string {
  return checked(text, LEDGER_KEY, 'key', 'Use a key as a status or a receipt names it.');
}

export function checkAttemptId(text: string): string {
  return checked(text, /^[0-9a-f]{32}$/, 'attempt', 'Use the id of an attempt as a status names it.');
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: string): string {
  return checked(digest, /^sha256:[0-9a-f]{64}$/, 'digest', 'Write `sha256:` and 64 hex digits.').slice(
    'sha256:'.length,
  );
}

function checked(text: string, pattern: RegExp, path: string, fix: string): string {
  if (pattern.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80).toWellFormed());
  throw new TerminalError({ code: 'KEY_INVALID', path, problem: `${shown} is not a valid name`, fix });
}
