import type { PlanGate } from '@waybill/client/plan';
import type { Pseudonym } from '@waybill/verify';
import type { FlowDeps } from '#flow/deps.ts';

/** Who decides the gates of a run: whoever submitted it where nobody else is named. */
export function reviewersIn({ signer }: FlowDeps, principal: string): (gate: PlanGate) => Pseudonym[] {
  return ({ reviewers }) =>
    (reviewers.length === 0 ? [principal] : reviewers).map(
      (each): Pseudonym => `hmac-sha256:${signer.pseudonym(each)}`,
    );
}
