/** The toolchains of a deployment: which an item may name, and what runs there. */
import type { Refusal } from '@waybill/client/errors';
import { DEFAULTS } from '@waybill/client/limits';
import type { Plan } from '@waybill/client/plan';
import type { Executable, FlowDeps } from '#flow/deps.ts';

type Worker = FlowDeps['worker'];

/** Undefined when there is none of that name. */
export function executableIn(worker: Worker, environment: string = DEFAULTS.environment): Executable | undefined {
  return environment === DEFAULTS.environment ? worker.executable : worker.environments?.get(environment);
}

/** Refusals of the items whose environment is not there, the first of each name. */
export function environmentProblems(worker: Worker, { items }: Pick<Plan, 'items'>): Refusal[] {
  const unknown = new Map<string, number>();
  for (const [n, { environment = DEFAULTS.environment }] of items.entries()) {
    if (executableIn(worker, environment) === undefined && !unknown.has(environment)) unknown.set(environment, n);
  }
  const known = [DEFAULTS.environment, ...[...(worker.environments?.keys() ?? [])].sort()].join(', ');
  return [...unknown].map(([environment, n]) => ({
    code: 'ENVIRONMENT_UNKNOWN',
    path: `spec.items[${n}].environment`,
    problem: `there is no environment "${environment}"`,
    fix: `Use one of ${known}.`,
  }));
}
