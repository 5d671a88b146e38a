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
import { spendingSetting } from '#lambdas/shared/spending.ts';
import { advanceRecords } from './advance-records.ts';

export const handler = lambdaFunction(
  'advance',
  async (told) => {
    const launcher = openLauncher();
    const { pricing } = spendingSetting();
    const { remembered: mailbox } = watchedMailbox(openMailbox(), createLocalClock());
    return {
      flow: flowOf(told, { artifacts: openArtifacts(), inbox: openInbox(), launcher, mailbox, pricing }),
      sequencer: openQueue('SEAL'),
      timers: openQueue('TIMER'),
      callbacks: openQueue('NOTIFY'),
      notifier: openNotifier(),
      completeToken: (token: string) => launcher.completeToken(token),
    };
  },
  advanceRecords,
);
