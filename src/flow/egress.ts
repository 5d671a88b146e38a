/** The hosts outside that items ask for, and what the deployment says to that: at submit, and again when an attempt begins. */
import { type EgressPolicy, mayAsk } from '@waybill/client/egress';
import type { Refusal } from '@waybill/client/errors';
import type { Plan, PlanItem } from '@waybill/client/plan';
import { bounded } from '@waybill/client/spec-issue';
import type { Job } from '#core/mailbox-protocol.ts';
import type { FlowDeps } from '#flow/deps.ts';

type Settings = Pick<FlowDeps, 'egress' | 'worker'>;

const NOTHING: EgressPolicy = { allow: [], deny: [] };

/**
 * Of each item and host that is refused. Only the sandbox of a worker holds a block to its hosts: without one it has the network of the
 * machine, and containers of a task share theirs, so that a block could go past whoever checks it.
 */
export function egressDenials(
  { egress, worker: { isolation } }: Settings,
  queue: string,
  { items }: Pick<Plan, 'items'>,
): Refusal[] {
  const policy = policyOf(egress, queue);
  const denials = items.flatMap(({ egress: asked = [] }, n): Refusal[] => {
    const path = `spec.items[${n}].egress`;
    if (asked.length > 0 && isolation !== 'bubblewrap') {
      const problem = `nothing holds blocks to the hosts they may reach, where their isolation is "${isolation}"`;
      const fix = 'Leave it out: give the item what it needs as its source, `reads` or `needs`, or by its environment.';
      return [{ code: 'ISOLATION_REQUIRED', path, problem, fix }];
    }
    const fix = 'Ask for what egress.json of the engine allows, or have its operator allow this.';
    const refused = asked.filter((rule) => !mayAsk(rule, policy));
    return refused.map((rule) => {
      const problem = `${rule} may not be reached from the queue "${queue}"`;
      return { code: 'EGRESS_DENIED', path, problem, fix };
    });
  });
  return bounded(denials);
}

/** What stands in the job; null where the deployment does not allow any more what the item asks for. */
export function jobEgress(deps: Settings, queue: string, { egress: ask }: PlanItem): Pick<Job, 'egress'> | null {
  if (ask === undefined) return {};
  const policy = policyOf(deps.egress, queue);
  if (deps.worker.isolation !== 'bubblewrap' || !ask.every((rule) => mayAsk(rule, policy))) return null;
  return { egress: { ask, ...policy } };
}

/** Names of queues are the submitter's; those of objects have keys of their own. */
function policyOf(settings: FlowDeps['egress'] = {}, queue: string): EgressPolicy {
  return (Object.hasOwn(settings, queue) ? settings[queue] : undefined) ?? NOTHING;
}
