/** Checks that the run stands in the deployment's log. */
import { equalBytes, hexOf } from '../bytes.ts';
import { mustFind, mustHold } from '../contradiction.ts';
import type { RunOpenedEntry, RunSealedEntry } from '../log-entry.ts';
import { verifyInclusion } from '../merkle-proof.ts';
import { type NoteKey, type SignedNote, verifyNote } from '../note.ts';
import type { Trust } from '../trust.ts';
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

/** Every entry of the trust file whose key signed: one key may stand in several, each with a range of its own. */
async function signersOf(note: SignedNote, keys: Trust['log']): Promise<Trust['log']> {
  const isSame = (a: NoteKey, b: NoteKey): boolean => equalBytes(a.publicKey.spki, b.publicKey.spki);
  const distinct = keys.filter((key, n) => keys.findIndex((other) => isSame(other, key)) === n);
  const signed = await verifyNote(note, distinct);
  return keys.filter((key) => signed.some((signer) => isSame(signer, key)));
}

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
          const last = checkpoint.size - 1;
          const isValid = signers.some(({ from, to }) => from <= last && last < to);
          mustHold(isValid, `the log key was not valid at log index ${last}`, 'KEY_RANGE');
        }
      },
    };
  },
};
