/** Statements against the auditor's keys, whose validity is a range of log indexes, never a time. */
import type { Signed } from '../bundle-line.ts';
import { mustFind, mustHold } from '../contradiction.ts';
import { findSigners } from '../dsse.ts';
import type { Trust } from '../trust.ts';
import type { BundleFacts, CheckContext } from './check.ts';

/** Log indexes, both inclusive, between which something was signed. */
export interface SignedWithin {
  first: number;
  last: number;
}

export interface SignatureWatcher {
  /** Starts to verify a signature. */
  see(signed: Signed<unknown>, what: string): void;
  settle(): Promise<void>;
  /** Judges the keys that were seen, now that the places in the log are known. */
  finish(): void;
}

export function signatureWatcher(
  { facts, trust }: CheckContext,
  within: (facts: BundleFacts) => SignedWithin,
): SignatureWatcher {
  type Key = Trust['attest'][number];
  const used = new Map<string, Key[]>();
  let started: { what: string; signers: Promise<Key[]> }[] = [];
  return {
    see({ envelope }, what) {
      started.push({ what, signers: findSigners(envelope, trust?.attest ?? []) });
    },
    async settle() {
      const batch = started;
      started = [];
      for (const { what, signers } of batch) {
        const found = await signers;
        const { keyid } = mustFind(found[0], `${what} is not signed by a trusted key that it names`);
        used.set(keyid, found);
      }
    },
    finish() {
      const { first, last } = within(facts);
      for (const [keyid, entries] of used) {
        const isValid = entries.some(({ from, to }) => from <= last && first < to);
        mustHold(isValid, `key ${keyid} was not valid at the log indexes ${first} to ${last}`, 'KEY_RANGE');
      }
    },
  };
}
