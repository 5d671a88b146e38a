import { createLocalClock } from '#adapters/local/clock.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import {
  flowOf,
  openArtifacts,
  openInbox,
  openLauncher,
  openMailbox,
  openNotifier,
  openQueue,
} from '#lambdas/shared/ports.ts';
import { watchedMailbox } from '#lambdas/shared/remembered-mailbox.ts';
import { advanceRecords } from './advance-records.ts';

export const handler = lambdaFunction(
  'advance',
  async (told) => {
    const launcher = openLauncher();
    const { remembered: mailbox } = watchedMailbox(openMailbox(), createLocalClock());
    return {
      flow: flowOf(told, { artifacts: openArtifacts(), inbox: openInbox(), launcher, mailbox }),
      sequencer: openQueue('SEAL'),
      timers: openQueue('TIMER'),
      notifier: openNotifier(),
      completeToken: (token: string) => launcher.completeToken(token),
    };
  },
  advanceRecords,
);
