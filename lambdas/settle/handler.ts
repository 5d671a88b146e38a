import { createLane } from '#flow/lane.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { flowOf, openArtifacts, openMailbox, openSigner } from '#lambdas/shared/ports.ts';
import { spendingSetting } from '#lambdas/shared/spending.ts';
import { settleMessages } from './settle-messages.ts';

export const handler = lambdaFunction(
  'settle',
  async (told) => {
    const { pricing } = spendingSetting();
    const ports = { pricing, artifacts: openArtifacts(), mailbox: openMailbox(), signer: await openSigner() };
    // The ends of a batch meet in the row of their queue: in this process they take turns, and none is signed for nothing.
    const flow = { ...flowOf(told, ports), lane: createLane() };
    return { flow, keysInForce: keysInForce(flow) };
  },
  settleMessages,
);
