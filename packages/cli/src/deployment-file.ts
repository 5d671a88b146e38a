/** The deployment file that a command is told of. */
import { readFileSync } from 'node:fs';
import { SpecRefused, TerminalError } from '@waybill/client';
import { type Deployment, parseDeployment } from '@waybill/client/deployment';
import { refuseNamedPipe } from '@waybill/verify/flags';
import { readProblem } from './file-problem.ts';

export const DEFAULT_DEPLOYMENT = 'waybill-deployment.json';

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong, each DEPLOYMENT_INVALID. */
export function readDeploymentFile(path: string): Deployment {
  const parsed = parseDeployment(readBytes(path));
  if (parsed.ok) return parsed.deployment;
  throw new SpecRefused(parsed.refusals.map((refusal) => ({ ...refusal, path: `${path}: ${refusal.path}` })));
}

function readBytes(path: string): Buffer {
  try {
    refuseNamedPipe(path);
    return readFileSync(path);
  } catch (cause) {
    const problem = `the deployment file is needed: ${readProblem(cause)}`;
    const fix = 'Name one with --deployment or WAYBILL_DEPLOYMENT; `waybill deployment pull` writes it.';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
  }
}
