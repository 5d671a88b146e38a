/** The public halves of a deployment's signing keys, from KMS and not from anything that they signed. */
import { GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { digestOf, type NoteAlgorithm, type TrustFile, toBase64, vkeyOf } from '@waybill/verify';
import { awsFailure } from './aws-errors.ts';
import type { Deployment } from './deployment.ts';
import { TerminalError } from './errors.ts';

const ALGORITHM: Readonly<Record<string, NoteAlgorithm>> = {
  ECC_NIST_P256: 'ecdsa-p256-sha256',
  ECC_NIST_EDWARDS25519: 'ed25519',
};

/**
 * A trust file with every signing key that the deployment file names, valid from the beginning of the log: at which index
 * each one came into force, the log says, and a verifier narrows to that.
 * Throws TerminalError DEPLOYMENT_INVALID, CREDENTIALS_INVALID or ACCESS_DENIED, or RetryableError.
 */
export async function readTrust(deployment: Deployment): Promise<TrustFile> {
  const kms = new KMSClient({ region: deployment.region });
  const keys: TrustFile['keys'] = [];
  for (const use of ['log', 'attest'] as const) {
    for (const arn of arnsOf(deployment, use)) {
      const { spki, alg } = await publicKey(kms, arn);
      const range = { keyid: digestOf(spki).slice('sha256:'.length), spki: toBase64(spki), from: 0 };
      if (use === 'log') keys.push({ use, alg, ...range, vkey: vkeyOf(deployment.origin, spki) });
      else if (alg === 'ecdsa-p256-sha256') keys.push({ use, alg, ...range });
      else throw unusable(arn, 'it is no key on P-256, as keys that attest have to be');
    }
  }
  return { format: 'waybill-keys/v1', origin: deployment.origin, keys };
}

function arnsOf({ keys }: Deployment, use: 'log' | 'attest'): string[] {
  const arns = keys?.[use] ?? [];
  if (arns.length > 0) return arns;
  const fix = 'Write it again with `waybill deployment pull`, naming the ledger stack.';
  throw new TerminalError({
    code: 'DEPLOYMENT_INVALID',
    path: `keys.${use}`,
    problem: `the deployment file names no ${use} key`,
    fix,
  });
}

async function publicKey(kms: KMSClient, arn: string): Promise<{ spki: Uint8Array; alg: NoteAlgorithm }> {
  const found = await kms.send(new GetPublicKeyCommand({ KeyId: arn })).catch((cause: unknown) => {
    throw awsFailure(cause, arn);
  });
  const alg = ALGORITHM[found.KeySpec ?? ''];
  if (found.PublicKey === undefined || alg === undefined) throw unusable(arn, `its kind is ${found.KeySpec}`);
  return { spki: found.PublicKey, alg };
}

function unusable(path: string, problem: string): TerminalError {
  const fix = 'Name the signing keys of the deployment: `waybill deployment pull` does.';
  return new TerminalError({ code: 'DEPLOYMENT_INVALID', path, problem, fix });
}
