/** The deployment file that a command is told of. */
import { LIMITS, SpecRefused } from '@waybill/client';
import { type Deployment, parseDeployment } from '@waybill/client/deployment';
import { readNamed } from './named-file.ts';

export const DEFAULT_DEPLOYMENT = 'waybill-deployment.json';

const FIX =
  'A deployment file is needed: name one with --deployment or WAYBILL_DEPLOYMENT; `waybill deployment pull` writes it.';

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong, each DEPLOYMENT_INVALID. */
export async function readDeploymentFile(path: string): Promise<Deployment> {
  const parsed = parseDeployment(await readNamed(path, LIMITS.specBytes, FIX));
  if (parsed.ok) return parsed.deployment;
  throw new SpecRefused(parsed.refusals.map((refusal) => ({ ...refusal, path: `${path}: ${refusal.path}` })));
}
