/** The pinned keys as those who verify with them read them: a worker that cannot load one starts nothing. */
import { EvidenceError, loadTrust, type TrustedKey } from '@waybill/verify';
import { isNot } from './props-error.ts';
import type { PinnedKeys, WaybillProps } from './waybill-props.ts';

const FORMAT = 'waybill-keys/v1';
const FIX = 'put in what `waybill keys export` writes, whole';

export function keyProblems({ pinnedKeys: pinned, origin }: Pick<WaybillProps, 'pinnedKeys' | 'origin'>): string[] {
  if (pinned === undefined) return [];
  const { format, keys } = pinned;
  if (format !== FORMAT) return [isNot('pinnedKeys.format', format, `${FORMAT}; ${FIX}`)];
  if (pinned.origin !== origin) {
    return [
      isNot('pinnedKeys.origin', pinned.origin, `the origin of this deployment, ${JSON.stringify(origin)}; ${FIX}`),
    ];
  }
  const problems = keys.flatMap((key, n) => {
    try {
      loadTrust({ format, origin, keys: [key] });
      return [];
    } catch (error) {
      // What OpenSSL says of a point that is on no curve means nothing to whoever reads this.
      const problem =
        error instanceof EvidenceError ? error.message.replace(/^keys file\.keys\[0\]\.?/, '').trim() : 'no public key';
      return [`pinnedKeys.keys[${n}]: ${problem}; ${FIX}`];
    }
  });
  if (problems.length === 0 && attestKeysOf(pinned).length === 0) {
    problems.push(`pinnedKeys.keys: holds no attest key that is in force; ${FIX}`);
  }
  return problems;
}

/** SPKI in base64 of each key that a manifest may be signed with. */
export function attestKeysOf({ keys }: PinnedKeys): string[] {
  return (keys as readonly TrustedKey[])
    .filter(({ use, revoked }) => use === 'attest' && revoked === undefined)
    .map(({ spki }) => spki);
}
