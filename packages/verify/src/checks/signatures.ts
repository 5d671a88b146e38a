/** Statements against the auditor's keys, whose validity is a range of log indexes, never a time. */

import { mustFind, mustHold } from '../contradiction.ts';
import type { Trust } from '../keys/trust.ts';
import type { Signed } from '../record/bundle-line.ts';
import { findSigners, type OpenedEnvelope } from '../record/dsse.ts';
import type { BundleFacts, CheckContext } from './check.ts';

/** Log indexes, both inclusive, between which something was signed. */
export interface SignedWithin {
  first: number;
  last: number;
}

/** From the entry that opened the run to the one that sealed it. */
export function duringRun({ openedEntry, sealedEntry }: BundleFacts): SignedWithin {
  return { first: openedEntry?.proof.index ?? 0, last: sealedEntry?.proof.index ?? Number.MAX_SAFE_INTEGER };
}

export interface SignatureWatcher {
  /** Starts to verify a signature. */
  see(signed: Signed<unknown>, what: string): void;
  settle(everything: boolean): Promise<void>;
  /** Judges the keys that were seen, now that the places in the log are known. */
  finish(): Promise<void>;
}

/** Signatures that are handed over together. */
const BATCH = 64;
/** Batches that may be under way while reading goes on: enough to keep another core busy. */
const MAX_BATCHES = 8;

export function signatureWatcher(
  { facts, trust }: CheckContext,
  within: (facts: BundleFacts, isRevoked: boolean) => SignedWithin,
): SignatureWatcher {
  type Key = Trust['attest'][number];
  const used = new Map<string, Key[]>();
  let envelopes: OpenedEnvelope[] = [];
  let names: string[] = [];
  const batches: { names: string[]; signers: Promise<Key[][]> }[] = [];
  const handOver = (): void => {
    const signers = findSigners(envelopes, trust?.attest ?? []);
    // An error is met where the batch is waited for, which may be later.
    signers.catch(() => {});
    batches.push({ names, signers });
    envelopes = [];
    names = [];
  };
  const settle: SignatureWatcher['settle'] = async (everything) => {
    if (everything) handOver();
    while (batches.length > (everything ? 0 : MAX_BATCHES)) {
      const batch = batches.shift();
      for (const [n, entries] of ((await batch?.signers) ?? []).entries()) {
        const { keyid } = mustFind(entries[0], `${batch?.names[n]} is not signed by a trusted key that it names`);
        used.set(keyid, entries);
      }
    }
  };
  return {
    see({ envelope }, what) {
      envelopes.push(envelope);
      if (names.push(what) === BATCH) handOver();
    },
    settle,
    async finish() {
      await settle(true);
      for (const [keyid, entries] of used) {
        const { first, last } = within(
          facts,
          entries.some(({ isRevoked }) => isRevoked),
        );
        const isValid = entries.some(({ from, to }) => from <= last && first < to);
        mustHold(isValid, `key ${keyid} was not valid at the log indexes ${first} to ${last}`, 'KEY_RANGE');
      }
    },
  };
}
