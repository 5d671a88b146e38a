/** Checks that the seal says what the events say, and was signed. */
import { mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import type { Check, CheckContext } from './check.ts';
import { signatureWatcher } from './signatures.ts';

export const seal: Check = {
  id: 'seal',
  code: 'SEAL_MISMATCH',
  claim: 'The seal covers exactly these events, and repeats what they came to.',
  start({ facts }: CheckContext) {
    return {
      finish() {
        const { predicate, subject } = mustFind(facts.seal, 'the file has no seal', 'SEAL_MISSING').statement;
        const opened = mustFind(facts.opened, 'the run is never opened');
        const completed = mustFind(facts.completed, 'the run is never completed');
        mustHold(
          predicate.size === facts.size,
          `the seal covers ${predicate.size} events, the file holds ${facts.size}`,
          'SEAL_ROOT',
        );
        mustHold(predicate.root === facts.root, 'the events do not hash to the root in the seal', 'SEAL_ROOT');
        mustHold(subject[0]?.name === `run/${predicate.run}`, 'the subject of the seal is another run');
        mustHold(`sha256:${subject[0]?.digest.sha256}` === predicate.root, 'the subject of the seal is another root');
        mustHold(predicate.plan === opened.data.plan, 'the seal names another plan');
        mustHold(predicate.submission === opened.data.submission, 'the seal names another submission');
        mustHold(
          predicate.state === completed.data.state,
          `the seal says ${predicate.state}, the events ${completed.data.state}`,
        );
        const isSame = isSameJson(predicate.counts, completed.data.counts);
        mustHold(isSame, 'the seal counts other than run.completed');
        mustHold(predicate.openedAt === opened.at, 'the seal has another time of opening');
        mustHold(predicate.completedAt === completed.at, 'the seal has another time of completion');
        mustHold(predicate.completedAt >= predicate.openedAt, 'the run was completed before it was opened');
        mustHold(predicate.sealedAt >= predicate.completedAt, 'the seal is older than the completion');
      },
    };
  },
};

export const sealSignature: Check = {
  id: 'seal-signature',
  code: 'SIGNATURE_UNTRUSTED',
  claim: 'The seal was signed by a key that the auditor trusts and that was valid where the seal entered the log.',
  needsTrust: true,
  start(context: CheckContext) {
    const { see, settle, finish } = signatureWatcher(context, ({ sealedEntry }) => {
      const index = sealedEntry?.proof.index ?? 0;
      return { first: index, last: index };
    });
    return {
      line(line) {
        if (line.kind === 'seal') see(line.seal, 'the seal');
      },
      settle,
      async finish() {
        mustFind(context.facts.seal, 'the file has no seal', 'SEAL_MISSING');
        await finish();
      },
    };
  },
};
