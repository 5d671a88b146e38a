/** Which role signed a recorded call. */
import { createHash } from 'node:crypto';
import { type DeploymentNames, FUNCTIONS } from '../../lib/deployment-names.ts';
import type { RecordedCall } from './beds/recorder.ts';
import { credentialOf } from './recorded-actions.ts';

/** By access key: those that the emulator gives to functions, and those of sessions that it opened. */
function callersOf(names: DeploymentNames, calls: readonly RecordedCall[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const which of FUNCTIONS) {
    const digest = createHash('sha256')
      .update(`${names.arn.functionArn(which)}:${names.arn.role(which)}`)
      .digest('hex');
    found.set(`ASIA${digest.slice(0, 16).toUpperCase()}`, names.role(which));
  }
  for (const { body, answer } of calls.filter((one) => one.body.includes('Action=AssumeRole'))) {
    const role = /:role\/([^&]+)/.exec(decodeURIComponent(body))?.[1];
    const key = /<AccessKeyId>([^<]+)</.exec(answer)?.[1];
    if (role !== undefined && key !== undefined) found.set(key, role);
  }
  return found;
}

export interface CallOfRole {
  role: string;
  call: RecordedCall;
}

/**
 * Calls with the role that signed each. Those of the account's root and of the roles of cdk are left out: they deploy and look
 * on.
 *
 * @throws TypeError when nobody knows who signed a call: it could not be judged
 */
export function callsByRole(
  names: DeploymentNames,
  { calls, root }: { calls: readonly RecordedCall[]; root: string },
): CallOfRole[] {
  const callers = callersOf(names, calls);
  return calls.flatMap((call) => {
    const key = credentialOf(call)?.accessKeyId;
    if (key === root) return [];
    const role = callers.get(key ?? '');
    if (role === undefined) throw new TypeError(`nobody knows who signed ${call.method} ${call.url} (${key})`);
    return role.startsWith('cdk-') ? [] : [{ role, call }];
  });
}
