import { lambdaFunction } from '#lambdas/shared/function.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { flowOf, openLauncher, openPostingMailbox, openSigner } from '#lambdas/shared/ports.ts';
import { spendingSetting } from '#lambdas/shared/spending.ts';
import { dispatchRecords } from './dispatch-records.ts';

export const handler = lambdaFunction(
  'dispatch',
  async (told) => {
    const { pricing } = spendingSetting();
    const ports = { pricing, launcher: openLauncher(), mailbox: openPostingMailbox(), signer: await openSigner() };
    const flow = flowOf(told, ports);
    return { flow, keysInForce: keysInForce(flow) };
  },
  dispatchRecords,
);
