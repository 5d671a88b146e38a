import { objectOfEvent } from '#adapters/aws/inbox-names.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { flowOf, openArtifacts, openInbox, openMailbox, openScheduler, openSigner } from '#lambdas/shared/ports.ts';
import { callbackNames, givenSecrets } from '#lambdas/shared/settings.ts';
import { takeInMessages } from './take-in.ts';

export const handler = lambdaFunction(
  'submit',
  async (told) => {
    // A control object may end attempts, whose workers read of it in their mailboxes.
    const ports = {
      artifacts: openArtifacts(),
      inbox: openInbox(),
      mailbox: openMailbox(),
      scheduler: openScheduler(),
      signer: await openSigner(),
    };
    const flow = flowOf(told, ports);
    return {
      flow: { ...flow, ...callbackNames(), worker: { ...flow.worker, ...givenSecrets() } },
      objectOf: objectOfEvent,
    };
  },
  takeInMessages,
);
