/** What a check of the doctor found. */

import { awsFailure } from '@waybill/client/aws';
import type { Deployment } from '@waybill/client/deployment';
import { TerminalError } from '@waybill/client/errors';
import type { Clients } from './clients.ts';

export interface Finding {
  check: string;
  /** `fail`: runs or evidence suffer, or it could not be looked at. `warn`: it works, and may not for long. */
  verdict: 'ok' | 'warn' | 'fail';
  detail: string;
  fix?: string;
}

export interface Check {
  name: string;
  run(clients: Clients, deployment: Deployment): Promise<Omit<Finding, 'check'>[]>;
}

export type Found = Omit<Finding, 'check'>;

const REDEPLOY =
  'Deploy the stacks again (`cdk diff` first): somebody changed it by hand, or it is of an older version.';

export function good(detail: string): Found {
  return { verdict: 'ok', detail };
}

export function bad(detail: string, fix: string = REDEPLOY): Found {
  return { verdict: 'fail', detail, fix };
}

export function doubtful(detail: string, fix: string): Found {
  return { verdict: 'warn', detail, fix };
}

/** `bad` when the claim does not hold. */
export function claim(holds: boolean, detail: string, otherwise: string, fix: string = REDEPLOY): Found {
  return holds ? good(detail) : bad(otherwise, fix);
}

/** What the deployment file does not name cannot be looked at. */
export function unnamed(field: string): Found {
  return doubtful(
    `the deployment file has no ${field}`,
    'Write it again with `waybill deployment pull`, naming every stack.',
  );
}

/** The answer, or null for one of the errors that say that there is none. Throws the others as they have to be understood. */
export async function asked<T>(path: string, answer: Promise<T>, absent: readonly string[] = []): Promise<T | null> {
  return answer.catch((cause: unknown) => {
    if (absent.includes((cause as Error).name)) return null;
    throw awsFailure(cause, path);
  });
}

/** As `asked`, where there always is an answer. */
export async function answer<T>(path: string, answered: Promise<T>): Promise<T> {
  const found = await asked(path, answered);
  if (found !== null) return found;
  throw new TerminalError({ code: 'STORE_FAILED', path, problem: 'AWS answered nothing', fix: 'Try again.' });
}
