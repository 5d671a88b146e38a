import { lambdaFunction } from '#lambdas/shared/function.ts';
import { flowOf, openArtifacts, openInbox } from '#lambdas/shared/ports.ts';
import { fillSlot } from './fill-slot.ts';

export const handler = lambdaFunction(
  'slot',
  async (told) => flowOf(told, { artifacts: openArtifacts(), inbox: openInbox() }),
  fillSlot,
);
