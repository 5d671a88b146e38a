/** The secrets of a deployment: which of them its runs may name, where that is known beforehand. */
import type { Refusal } from '@waybill/client/errors';
import { nearest } from '@waybill/client/nearest-word';
import type { Plan } from '@waybill/client/plan';
import { secretsOf } from '#core/named-secrets.ts';
import type { FlowDeps } from '#flow/deps.ts';

/** Refusals of the secrets that are not kept, the first place of each name. */
export function secretProblems({ givesSecrets }: FlowDeps['worker'], { items }: Pick<Plan, 'items'>): Refusal[] {
  if (givesSecrets === undefined || givesSecrets === true) return [];
  const unknown = new Map<string, string>();
  for (const [n, { pipeline }] of items.entries()) {
    for (const [m, block] of pipeline.entries()) {
      for (const { variable, secret } of secretsOf(block)) {
        if (givesSecrets.has(secret) || unknown.has(secret)) continue;
        unknown.set(secret, `spec.items[${n}].pipeline[${m}].secrets.${variable}`);
      }
    }
  }
  const known = [...givesSecrets].sort();
  // Whoever submits need not keep them: no more of the names is told than a slip of the finger is away.
  return [...unknown].map(([secret, path]) => {
    const near = nearest(secret, known);
    const problem = `this deployment keeps no secret "${secret}"`;
    return {
      code: 'SECRET_UNAVAILABLE',
      path,
      problem,
      fix: near === null ? 'Have it added.' : `Did you mean "${near}"?`,
    };
  });
}
