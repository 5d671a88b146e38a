/** The models of a deployment: which of them its runs may name, and with which an attempt is given a session. */
import type { Refusal } from '@waybill/client/errors';
import type { Plan, PlanItem } from '@waybill/client/plan';
import type { Job } from '#core/mailbox-protocol.ts';
import { SESSION_MS } from '#core/model-session.ts';
import { bedrockModel } from '#core/named-secrets.ts';
import type { FlowDeps } from '#flow/deps.ts';

type Worker = FlowDeps['worker'];

/** Nothing where sessions are not given: what a worker finds in its image is not known here. */
export function sessionModels({ givesModels }: Worker, { pipeline }: Pick<PlanItem, 'pipeline'>): Pick<Job, 'models'> {
  const named = pipeline.map(bedrockModel).filter((model) => model !== null && givesModels?.has(model) === true);
  return named.length === 0 ? {} : { models: [...new Set(named as string[])].sort() };
}

/** Refusals of the models that are not there, and of items that take longer than a session lasts. */
export function modelProblems({ givesModels }: Worker, { items }: Pick<Plan, 'items'>): Refusal[] {
  if (givesModels === undefined) return [];
  const code = 'MODEL_UNAVAILABLE';
  return items.flatMap(({ pipeline, timeoutMs }, n) => {
    const path = `spec.items[${n}]`;
    const models = pipeline.map(bedrockModel);
    const unknown = models.flatMap((model, m): Refusal[] => {
      if (model === null || givesModels.has(model)) return [];
      const fix = `Use one of ${[...givesModels].sort().join(', ')}, or have it added to the models of the deployment.`;
      return [{ code, path: `${path}.pipeline[${m}].model`, problem: `this deployment has no model "${model}"`, fix }];
    });
    if (timeoutMs <= SESSION_MS || models.every((model) => model === null)) return unknown;
    const problem = 'a session with a model lasts an hour, and the item may take longer';
    return [...unknown, { code, path: `${path}.timeout`, problem, fix: 'Let it take 1h at most.' }];
  });
}
