import { lambdaFunction } from '#lambdas/shared/function.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { flowOf, openArtifacts, openMailbox, openSigner } from '#lambdas/shared/ports.ts';
import { settleMessages } from './settle-messages.ts';

export const handler = lambdaFunction(
  'settle',
  async (told) => {
    const ports = { artifacts: openArtifacts(), mailbox: openMailbox(), signer: await openSigner() };
    const flow = flowOf(told, ports);
    return { flow, keysInForce: keysInForce(flow) };
  },
  settleMessages,
);
