/** RFC 3161 time stamps, as `openssl ts` makes them and stricter than it reads them. docs/formats/time.md lists the checks. */
import { hexOf } from '../crypto/bytes.ts';
import type { HashName } from '../crypto/signature-algorithm.ts';
import { hashOf } from './algorithms.ts';
import { PATH_CHECKS, type PathCheck } from './certificate-path.ts';
import { type DerRules, STRICT_DER } from './der.ts';
import { Stamp, type TimestampInput } from './stamp.ts';
import { TOKEN_CHECKS, type TokenCheck } from './token-checks.ts';

/** What a verified time stamp says. */
export interface VerifiedTimestamp {
  /** Milliseconds since 1970, rounded down. */
  genTimeMs: number;
  /** The true time is not further away than this, says the authority; one second when it says nothing. */
  accuracyMs: number;
  isAccuracyStated: boolean;
  /** Object identifier of the policy under which it was made. */
  policy: string;
  /** Of the message imprint. */
  hash: HashName;
  /** Hex; with it the authority can find the token in its books. */
  serial: string;
}

/** All that is strict about verifying, as lists from which a test takes one thing away. */
export interface TimestampRules {
  token: readonly TokenCheck[];
  path: readonly PathCheck[];
  der: DerRules;
}

export const STRICT_TIMESTAMPS: TimestampRules = { token: TOKEN_CHECKS, path: PATH_CHECKS, der: STRICT_DER };

/**
 * Throws EvidenceError `TIMESTAMP` with the first thing that is wrong, and nothing else, whatever the bytes; `POLICY`
 * when a certificate that the auditor supplied is none.
 */
export function verifyTimestamp(input: TimestampInput): Promise<VerifiedTimestamp> {
  return verifyTimestampWith(STRICT_TIMESTAMPS, input);
}

/** The same under other rules, for tests that show what each rule is good for. Not part of the package's index. */
export async function verifyTimestampWith(rules: TimestampRules, input: TimestampInput): Promise<VerifiedTimestamp> {
  const stamp = new Stamp(input, rules.path, rules.der);
  for (const check of rules.token) await check.judge(stamp);
  const { genTimeMs, accuracyMs, isAccuracyStated, policy, imprint, serial } = stamp.info;
  const hash = hashOf(imprint.algorithm) ?? 'sha256';
  return { genTimeMs, accuracyMs, isAccuracyStated, policy, hash, serial: hexOf(serial) };
}
