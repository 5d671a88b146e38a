/** The keys: usable, of the right kind, and nobody about to delete one. */
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KeyMetadata, type KMSClient } from '@aws-sdk/client-kms';
import type { Deployment } from '@waybill/client/deployment';
import { answer, bad, type Check, claim, doubtful, type Found, good, unnamed } from './finding.ts';

const SPECS = {
  attest: ['ECC_NIST_P256'],
  log: ['ECC_NIST_EDWARDS25519', 'ECC_NIST_P256'],
  data: ['SYMMETRIC_DEFAULT'],
} as const;
type KeyUse = keyof typeof SPECS;

export const KEY_CHECKS: readonly Check[] = (Object.keys(SPECS) as KeyUse[]).map((use) => ({
  name: `keys ${use}`,
  run: async ({ kms }, deployment) => {
    const arns = arnsOf(deployment, use);
    if (arns.length === 0) return [unnamed(`keys.${use}`)];
    const found: Found[] = [];
    for (const arn of arns) found.push(...(await stateOf(kms, arn, use)));
    return found;
  },
}));

function arnsOf({ keys }: Deployment, use: KeyUse): readonly string[] {
  if (use !== 'data') return keys?.[use] ?? [];
  return keys?.data === undefined ? [] : [keys.data];
}

async function stateOf(kms: KMSClient, arn: string, use: KeyUse): Promise<Found[]> {
  const { KeyMetadata: key } = await answer(arn, kms.send(new DescribeKeyCommand({ KeyId: arn })));
  const usage = use === 'data' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY';
  const spec = key?.KeySpec ?? 'unknown';
  const isRight = SPECS[use].some((one) => one === spec) && key?.KeyUsage === usage;
  const found = [inForce(key, arn), claim(isRight, `${spec} for ${usage}`, `is ${spec} for ${key?.KeyUsage}`)];
  if (use !== 'data') return found;
  const rotation = await answer(arn, kms.send(new GetKeyRotationStatusCommand({ KeyId: arn })));
  const fix = 'Switch it on: KMS keeps the old material, so nothing has to be encrypted again.';
  return [...found, rotation.KeyRotationEnabled === true ? good('rotates') : doubtful('does not rotate', fix)];
}

function inForce(key: KeyMetadata | undefined, arn: string): Found {
  const state = key?.KeyState ?? 'unknown';
  if (state === 'Enabled') return good(`${arn} is enabled`);
  const fix =
    state === 'PendingDeletion'
      ? `Call it off at once: aws kms cancel-key-deletion --key-id ${arn}, then enable it.`
      : 'Enable it: aws kms enable-key. Runs wait until then.';
  return bad(`${arn} is ${state}`, fix);
}
