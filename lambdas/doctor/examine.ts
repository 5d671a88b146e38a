/**
 * Doctor: what can be read of a deployment, held against what it must be. It only reads. A check that cannot be made says
 * so and is no reason to leave out the others.
 */
import type { Told } from '#lambdas/shared/told.ts';

export interface Finding {
  /** `warn`: it works and may not for long. `unknown`: it could not be read. */
  state: 'ok' | 'warn' | 'fail' | 'unknown';
  /** What was found, for people. */
  found: string;
  /** What to do, when it is not `ok`. */
  fix?: string;
}

export interface Report {
  v: 1;
  /** The worst of them. */
  state: Finding['state'];
  findings: (Finding & { check: string })[];
}

/** One question to the account; it throws when it gets no answer. */
export type Check = () => Promise<Finding>;

export type Checks = Readonly<Record<string, Check>>;

const WORST: readonly Finding['state'][] = ['fail', 'unknown', 'warn', 'ok'];

export async function examine(checks: Checks, _event: unknown, told: Told): Promise<Report> {
  const findings = await Promise.all(
    Object.entries(checks).map(async ([check, look]) => ({ check, ...(await look().catch(unreadable)) })),
  );
  const state = WORST.find((each) => findings.some((finding) => finding.state === each)) ?? 'ok';
  told.info('examined', { state, checks: findings.length });
  return { v: 1, state, findings };
}

function unreadable(error: unknown): Finding {
  const name = error instanceof Error ? error.name : 'unknown error';
  return {
    state: 'unknown',
    found: `could not be read: ${name}`,
    fix: 'Look at the permissions of the doctor’s role.',
  };
}

export function ok(found: string): Finding {
  return { state: 'ok', found };
}

export function fail(found: string, fix: string): Finding {
  return { state: 'fail', found, fix };
}

export function warn(found: string, fix: string): Finding {
  return { state: 'warn', found, fix };
}
