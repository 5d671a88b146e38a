/** Statements against the auditor's keys, whose validity is a range of log indexes, never a time. */
import type { Signed } from '../bundle-line.ts';
import { mustFind, mustHold } from '../contradiction.ts';
import { verifyEnvelope } from '../dsse.ts';
import type { BundleFacts, CheckContext } from './check.ts';

/** Log indexes, both inclusive, between which something was signed. */
export interface SignedWithin {
  first: number;
  last: number;
}

export interface SignatureWatcher {
  see(signed: Signed<unknown>, what: string): void;
  /** Judges the keys that were seen, now that the places in the log are known. */
  finish(): void;
}

export function signatureWatcher(
  { facts, trust }: CheckContext,
  within: (facts: BundleFacts) => SignedWithin,
): SignatureWatcher {
  const keys = trust?.attest ?? [];
  const used = new Set<(typeof keys)[number]>();
  return {
    see({ envelope }, what) {
      used.add(mustFind(verifyEnvelope(envelope, keys), `${what} is not signed by a trusted key that it names`));
    },
    finish() {
      const { first, last } = within(facts);
      for (const { keyid, from, to } of used) {
        mustHold(from <= last && first < to, `key ${keyid} was not valid at the log indexes ${first} to ${last}`);
      }
    },
  };
}
