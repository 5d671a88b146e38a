import { createLocalClock } from '#adapters/local/clock.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import {
  flowOf,
  openArtifacts,
  openInbox,
  openLauncher,
  openPostingMailbox,
  openQueue,
  openSigner,
} from '#lambdas/shared/ports.ts';
import { watchedMailbox } from '#lambdas/shared/remembered-mailbox.ts';
import { queuesSetting } from '#lambdas/shared/settings.ts';
import { spendingSetting } from '#lambdas/shared/spending.ts';
import { type ReconcileDuties, reconcile } from './reconcile.ts';

export const handler = lambdaFunction(
  'reconcile',
  async (told): Promise<ReconcileDuties> => {
    const { asked, remembered } = watchedMailbox(openPostingMailbox(), createLocalClock());
    const { pricing, caps } = spendingSetting();
    const flow = flowOf(told, {
      pricing,
      artifacts: openArtifacts(),
      inbox: openInbox(),
      launcher: openLauncher(),
      mailbox: asked,
      signer: await openSigner(),
    });
    return {
      flow,
      glances: remembered,
      keysInForce: keysInForce(flow),
      queues: queuesSetting(),
      caps,
      submissions: openQueue('SUBMIT'),
      sequencer: openQueue('SEAL'),
      timers: openQueue('TIMER'),
      callbacks: openQueue('NOTIFY'),
      arrivalOf: ({ key, version }) => toldOf(`inbox/${key}`, version),
    };
  },
  reconcile,
);
