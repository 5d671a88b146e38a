/** deployment pull: writes the deployment file from what the deployed stacks say. */

import { pullDeployment } from '../deployed/stack-outputs.ts';
import { DEFAULT_DEPLOYMENT } from '../deployment-file.ts';
import { usageError } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { saveFile } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

export async function deploymentPull(call: VerbCall): Promise<ExitCode> {
  const named = call.all('stack');
  const stacks = typeof named === 'string' ? [named] : (named ?? []);
  if (stacks.length === 0)
    throw usageError('--stack', 'is missing', 'Name every stack of the deployment, each with --stack.');
  const region = call.text('region') ?? call.env.AWS_REGION ?? call.env.AWS_DEFAULT_REGION;
  if (region === undefined) throw usageError('--region', 'is missing', 'Give it, or set AWS_REGION.');
  const deployment = await pullDeployment(stacks, region);
  const text = `${JSON.stringify(deployment, null, 2)}\n`;
  const file = call.text('output') ?? DEFAULT_DEPLOYMENT;
  if (file === '-') {
    call.terminal.print(text);
    return EXIT.ok;
  }
  await saveFile(file, text);
  call.terminal.emit({ written: file, origin: deployment.origin });
  call.terminal.say([
    [toned('good', 'written'), `  ${file}`],
    [toned('quiet', 'next   '), `  ${call.command('doctor --deployed')}`],
  ]);
  return EXIT.ok;
}
