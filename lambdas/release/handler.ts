import { createSecretVault } from '#composition/secret-vault.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { flowOf, openChannel } from '#lambdas/shared/ports.ts';
import { openSecrets } from './kept.ts';
import { readTold, releaseMessages } from './release-messages.ts';

export const handler = lambdaFunction(
  'release',
  async (told) => {
    const vault = createSecretVault(readTold(openSecrets(), told));
    return { flow: flowOf(told, {}), keeping: { vault, channel: openChannel() } };
  },
  releaseMessages,
);
