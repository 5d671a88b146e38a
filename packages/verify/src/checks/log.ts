/** Checks that the run stands in the deployment's log. */

import { mustFind, mustHold } from '../contradiction.ts';
import { hexOf } from '../crypto/bytes.ts';
import { isInForceAt, signersOf } from '../keys/checkpoint-signers.ts';
import type { RunOpenedEntry, RunSealedEntry } from '../log/log-entry.ts';
import { verifyInclusion } from '../log/merkle-proof.ts';
import type { BundleFacts, Check, CheckContext, LoggedEntry } from './check.ts';

interface LoggedRun {
  opened: LoggedEntry<RunOpenedEntry>;
  sealed: LoggedEntry<RunSealedEntry>;
}

function loggedRun({ openedEntry, sealedEntry }: BundleFacts): LoggedRun {
  return {
    opened: mustFind(openedEntry, 'the file has no log entry of the opening', 'LOG_ENTRY_MISSING'),
    sealed: mustFind(sealedEntry, 'the file has no log entry of the seal', 'LOG_ENTRY_MISSING'),
  };
}

export const logEntries: Check = {
  id: 'log-entries',
  code: 'LOG_ENTRY_MISMATCH',
  claim: 'The log entries name this run by its first event, its root and its seal.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        const { opened, sealed } = loggedRun(facts);
        const { statement, payloadDigest } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING');
        const { runSeq, openedIndex, sealedAt } = statement.predicate;
        const firstLeaf = hexOf(facts.firstLeaf ?? new Uint8Array());
        mustHold(opened.entry.event === `sha256:${firstLeaf}`, 'the log was opened with another first event');
        mustHold(
          sealed.entry.size === facts.size && sealed.entry.root === facts.root,
          'the log holds another tree of this run',
        );
        mustHold(sealed.entry.seal === payloadDigest, 'the log holds another seal of this run');
        mustHold(opened.entry.at === facts.opened?.at, 'the log was opened at another time than the run');
        mustHold(sealed.entry.at === sealedAt, 'the log and the seal differ on when it was sealed');
        const isSame = opened.entry.runSeq === runSeq && sealed.entry.runSeq === runSeq;
        mustHold(isSame, 'the seal and the log entries number the run differently');
        mustHold(
          opened.proof.index === openedIndex,
          `the seal says log index ${openedIndex}, the proof ${opened.proof.index}`,
        );
        mustHold(opened.proof.index < sealed.proof.index, 'the run was sealed in the log before it was opened');
      },
    };
  },
};

export const logInclusion: Check = {
  id: 'log-inclusion',
  code: 'LOG_INCLUSION',
  claim: 'Both log entries are in the log of one and the same checkpoint.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        const { opened, sealed } = loggedRun(facts);
        for (const { entry, leaf, proof, checkpoint } of [opened, sealed]) {
          const isIn = verifyInclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
          mustHold(isIn, `the proof of ${entry.type} does not lead to the root of the checkpoint`);
          mustHold(proof.extra === undefined, `the proof of ${entry.type} carries bytes of unknown meaning`);
        }
        const isOne = opened.proof.checkpoint === sealed.proof.checkpoint;
        mustHold(isOne, 'the two proofs lead to different checkpoints', 'LOG_CHECKPOINTS');
      },
    };
  },
};

export const checkpointSignature: Check = {
  id: 'checkpoint-signature',
  code: 'CHECKPOINT_SIGNATURE',
  claim: 'The checkpoint was signed by a log key that the auditor trusts and that was valid at its size.',
  needsTrust: true,
  start({ facts, trust }: CheckContext) {
    return {
      async finish() {
        const { opened, sealed } = loggedRun(facts);
        for (const { note, checkpoint } of [opened, sealed]) {
          mustHold(
            checkpoint.origin === trust?.origin,
            `the checkpoint is of the log ${checkpoint.origin}`,
            'ORIGIN_UNTRUSTED',
          );
          const signers = await signersOf(note, trust.log);
          mustHold(signers.length > 0, 'the checkpoint is not signed by a trusted log key', 'CHECKPOINT_UNTRUSTED');
          const { size } = checkpoint;
          mustHold(isInForceAt(signers, size), `the log key was not valid at log index ${size - 1}`, 'KEY_RANGE');
        }
      },
    };
  },
};
