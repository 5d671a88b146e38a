/** Checks of a file that discloses one item of a run: its events stand in the sealed tree, and are all about that item. */

import { mustFind, mustHold } from '../contradiction.ts';
import { bytesOfHex } from '../crypto/bytes.ts';
import { verifyInclusion } from '../log/merkle-proof.ts';
import type { EventLine, EventOf } from '../record/events.ts';
import { deriveAttemptId } from '../record/ids.ts';
import { CHECKS_OF_THE_SEAL } from './all.ts';
import { provenance, testResults } from './attestations.ts';
import type { Check, CheckContext } from './check.ts';
import { bind } from './manifests.ts';
import { container, identity } from './structure.ts';

/** What a disclosure says beside the lines that it shares with a bundle. */
export interface Disclosed {
  item: string | undefined;
  expectItem: string | undefined;
  /** Of the event at each place of the run. */
  proofs: Map<number, Uint8Array[]>;
}

type Settled = (EventLine & EventOf<'attempt.settled'>)['data'];

export function disclosureChecks(disclosed: Disclosed): readonly Check[] {
  return [
    container,
    identity,
    events(disclosed),
    attempts(disclosed),
    manifests,
    provenance,
    testResults,
    seal,
    logEntries,
    ...CHECKS_OF_THE_SEAL,
  ];
}

function events(disclosed: Disclosed): Check {
  return {
    id: 'disclosed-events',
    code: 'SEAL_ROOT',
    claim: 'Every disclosed event stands, unchanged and at its place, in the tree that was sealed.',
    start({ facts }: CheckContext) {
      const leaves: { seq: number; leaf: Uint8Array }[] = [];
      return {
        line(line) {
          if (line.kind !== 'event') return;
          const { seq } = line.event;
          const last = leaves.at(-1)?.seq ?? -1;
          mustHold(seq > last, `event ${seq} stands after event ${last}`, 'SEQUENCE_GAP');
          leaves.push({ seq, leaf: line.leaf });
        },
        finish() {
          const { size, root } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING').statement.predicate;
          mustHold(leaves.length > 0, 'nothing is disclosed');
          const sealed = bytesOfHex(root.slice('sha256:'.length));
          for (const { seq, leaf } of leaves) {
            const proof = disclosed.proofs.get(seq) ?? [];
            mustHold(
              verifyInclusion(seq, size, leaf, proof, sealed),
              `event ${seq} is not in the tree that was sealed`,
            );
          }
        },
      };
    },
  };
}

function attempts(disclosed: Disclosed): Check {
  return {
    id: 'disclosed-attempts',
    code: 'TRANSITION_IMPOSSIBLE',
    claim: 'The disclosed events are dispatches and ends of attempts at this one item, none left out before the last.',
    start() {
      let started: { attempt: number; id: string } | undefined;
      let ended = 0;
      let last: Settled | undefined;
      return {
        line(line) {
          if (line.kind === 'header') {
            const { item, expectItem } = disclosed;
            mustHold(
              (expectItem ?? item) === item,
              `the file is about item ${item}, not ${expectItem}`,
              'RUN_UNEXPECTED',
            );
          }
        },
        event(event) {
          const isOfAttempt = event.type === 'attempt.dispatched' || event.type === 'attempt.settled';
          mustHold(isOfAttempt, `event ${event.seq} is ${event.type}, which discloses more than the item`);
          const { item, attempt, id } = event.data;
          mustHold(item === disclosed.item, `event ${event.seq} is about another item`, 'RUN_MISMATCH');
          mustHold(id === deriveAttemptId(event.run, item, attempt), `attempt ${attempt} has a foreign id`);
          // A failed item may have been tried again because somebody asked for it.
          const isOpen = last === undefined || last.next === 'retry' || last.next === 'failed';
          mustHold(isOpen, `attempt ${attempt} follows the last one`);
          mustHold(attempt === ended + 1, `attempt ${attempt} stands where attempt ${ended + 1} belongs`);
          if (event.type === 'attempt.dispatched') {
            mustHold(started?.attempt !== attempt, `attempt ${attempt} is dispatched twice`);
            started = { attempt, id };
            return;
          }
          const { result, exit } = event.data;
          const isStarted = started?.attempt === attempt || (result === null && exit === null);
          mustHold(isStarted, `attempt ${attempt} has a result or an exit code, and its dispatch is left out`);
          last = event.data;
          ended = attempt;
        },
        finish() {
          mustHold(last !== undefined && (started?.attempt ?? 0) <= ended, 'an attempt is disclosed without its end');
        },
      };
    },
  };
}

const manifests: Check = {
  id: 'manifests',
  code: 'MANIFEST_MISMATCH',
  claim: 'Every disclosed dispatch and its manifest name each other, under the plan that was sealed.',
  start({ facts }: CheckContext) {
    const plans = new Set<string>();
    return {
      dispatch(event, manifest) {
        const at = `the dispatch of attempt ${event.data.attempt}`;
        const found = mustFind(manifest, `${at} has no manifest`, 'MANIFEST_MISSING');
        bind(event, found, at);
        plans.add(found.statement.predicate.plan);
      },
      finish() {
        const { plan } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING').statement.predicate;
        mustHold(
          [...plans].every((named) => named === plan),
          'a manifest is for another plan than was sealed',
        );
      },
    };
  },
};

const seal: Check = {
  id: 'seal',
  code: 'SEAL_MISMATCH',
  claim: 'The seal is about this run and names one tree.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        const { predicate, subject } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING').statement;
        mustHold(subject[0]?.name === `run/${predicate.run}`, 'the subject of the seal is another run');
        mustHold(`sha256:${subject[0]?.digest.sha256}` === predicate.root, 'the subject of the seal is another root');
        mustHold(predicate.completedAt >= predicate.openedAt, 'the run was completed before it was opened');
        mustHold(predicate.sealedAt >= predicate.completedAt, 'the seal is older than the completion');
      },
    };
  },
};

const logEntries: Check = {
  id: 'log-entries',
  code: 'LOG_ENTRY_MISMATCH',
  claim: 'The log entries name this run by its number, its root and its seal.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        const opened = mustFind(facts.openedEntry, 'the file has no log entry of the opening', 'LOG_ENTRY_MISSING');
        const sealed = mustFind(facts.sealedEntry, 'the file has no log entry of the seal', 'LOG_ENTRY_MISSING');
        const { statement, payloadDigest } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING');
        const { runSeq, openedIndex, openedAt, sealedAt, size, root } = statement.predicate;
        const isTree = sealed.entry.size === size && sealed.entry.root === root;
        mustHold(isTree, 'the log holds another tree of this run');
        mustHold(sealed.entry.seal === payloadDigest, 'the log holds another seal of this run');
        mustHold(opened.entry.at === openedAt, 'the log was opened at another time than the run');
        mustHold(sealed.entry.at === sealedAt, 'the log and the seal differ on when it was sealed');
        const isSame = opened.entry.runSeq === runSeq && sealed.entry.runSeq === runSeq;
        mustHold(isSame, 'the seal and the log entries number the run differently');
        mustHold(opened.proof.index === openedIndex, `the seal says log index ${openedIndex}, the proof another`);
        mustHold(opened.proof.index < sealed.proof.index, 'the run was sealed in the log before it was opened');
      },
    };
  },
};
