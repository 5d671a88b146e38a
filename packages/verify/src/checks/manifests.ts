/** Checks that nothing was started but under a signed manifest. */

import { expectSignatures } from '#crypto';
import { mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import type { Signed } from '../record/bundle-line.ts';
import type { AttemptClaim, EventData } from '../record/events.ts';
import { deriveAttemptId } from '../record/ids.ts';
import type { DispatchedEvent } from '../record/pairing.ts';
import type { DispatchStatement } from '../record/statement.ts';
import type { BundleFacts, Check, CheckContext } from './check.ts';
import { duringRun, signatureWatcher } from './signatures.ts';

export const manifests: Check = {
  id: 'manifests',
  code: 'MANIFEST_MISMATCH',
  claim: 'Every dispatch and its manifest name each other, and the manifest repeats claim, plan and source.',
  start({ facts }: CheckContext) {
    const claims = new Map<string, AttemptClaim>();
    const secrets = new Map<string, NamedSecrets>();
    return {
      event(event) {
        if (event.type === 'attempt.settled') {
          mustHaveWaited(event.data, secrets.get(event.data.item));
          claims.delete(event.data.item);
          secrets.delete(event.data.item);
        }
        if (event.type === 'secrets.released') mustBeNamed(event.data, secrets.get(event.data.item));
        if (event.type === 'attempt.claimed') for (const claim of event.data.claims) claims.set(claim.item, claim);
      },
      dispatch(event, manifest) {
        const at = `the dispatch of attempt ${event.data.attempt} at item ${event.data.item}`;
        bind(event, mustFind(manifest, `${at} has no manifest`, 'MANIFEST_MISSING'), at);
        bindToRun(facts, mustFind(manifest, at), claims.get(event.data.item), at);
        const { secrets: named } = mustFind(manifest, at).statement.predicate;
        if (named !== undefined) secrets.set(event.data.item, { names: named, areGiven: false });
      },
    };
  },
};

/** A dispatch and the manifest behind it, by themselves. */
export function bind(
  { data, at: time }: DispatchedEvent,
  { statement, payloadDigest }: Signed<DispatchStatement>,
  at: string,
): void {
  const { predicate, subject } = statement;
  mustHold(data.manifest === payloadDigest, `${at} names another manifest`);
  const isSame = predicate.item === data.item && predicate.attempt === data.attempt && predicate.attemptId === data.id;
  mustHold(isSame, `the manifest of ${at} names another attempt`);
  mustHold(predicate.isolation === data.isolation, `${at} and its manifest differ on the isolation`);
  mustHold(subject[0]?.name === `attempt/${data.id}`, `the manifest of ${at} has a foreign subject`);
  mustHold(`sha256:${subject[0]?.digest.sha256}` === predicate.spec, `the manifest of ${at} has a foreign subject`);
  const isExecutedThere = (predicate.executable === 'in-process') === (predicate.isolation === 'in-process');
  mustHold(isExecutedThere, `the manifest of ${at} names an executable that its isolation excludes`);
  const isValid = predicate.issuedAt <= time && time < predicate.expiresAt;
  mustHold(isValid, `the manifest of ${at} was not valid at ${time}`);
}

/** Of the attempt of an item that runs. */
interface NamedSecrets {
  names: readonly string[];
  areGiven: boolean;
}

/** Exactly those: an attempt that may not have one of them is given none. */
function mustBeNamed({ item, attempt, secrets }: EventData['secrets.released'], named?: NamedSecrets): void {
  const at = `attempt ${attempt} at item ${item}`;
  mustHold(isSameJson(secrets, named?.names ?? []), `${at} is given other secrets than its manifest names`);
  if (named !== undefined) named.areGiven = true;
}

/**
 * A worker asks before its first block, whichever blocks name them, and runs nothing until it has been answered: neither blocks nor
 * setup scripts, from which all comes but the log. What was reached outside names a block that ran.
 */
function mustHaveWaited(settled: EventData['attempt.settled'], named?: NamedSecrets): void {
  if (named === undefined || named.areGiven) return;
  const { item, attempt, outcome, outputs, claimed, question, checkpoint } = settled;
  const at = `attempt ${attempt} at item ${item}`;
  mustHold(outcome !== 'succeeded', `${at} succeeded and was never given the secrets that its manifest names`);
  const { blocks, excluded = 0, setup, usage, usageUnread } = claimed;
  const left = [setup, usage, usageUnread, question, checkpoint];
  const isIdle = blocks.length === 0 && excluded === 0 && left.every((part) => part === undefined);
  const hasRun = !isIdle || outputs.some(({ kind }) => kind !== 'log');
  mustHold(!hasRun, `${at} ran and was never given the secrets that its manifest names`);
}

function bindToRun(
  facts: BundleFacts,
  { statement: { predicate } }: Signed<DispatchStatement>,
  claim: AttemptClaim | undefined,
  at: string,
): void {
  const { run, item, attempt } = predicate;
  const opened = mustFind(facts.opened, 'the run is never opened').data;
  mustHold(
    predicate.attemptId === deriveAttemptId(run, item, attempt),
    `the manifest of ${at} has a foreign attempt id`,
  );
  mustHold(predicate.plan === opened.plan, `the manifest of ${at} is for another plan`);
  mustHold(
    predicate.spec === facts.plan.items.get(item)?.spec,
    `the manifest of ${at} has a spec that was not planned`,
  );
  mustHold(isSameJson(predicate.source, opened.source), `the manifest of ${at} has another source`);
  const { epoch, locks } = mustFind(claim, `${at} follows no claim`);
  mustHold(predicate.epoch === epoch, `the manifest of ${at} has another epoch than the claim`);
  mustHold(isSameJson(predicate.locks, locks), `the manifest of ${at} has other locks than the claim`);
}

export const manifestSignatures: Check = {
  id: 'manifest-signatures',
  code: 'SIGNATURE_UNTRUSTED',
  claim: 'Every manifest was signed by a key that the auditor trusts and that was valid during the run.',
  needsTrust: true,
  start(context: CheckContext) {
    const { see, settle, finish } = signatureWatcher(context, duringRun);
    return {
      line(line) {
        if (line.kind === 'event' && line.event.type === 'run.opened') expectSignatures(line.event.data.items);
        if (line.kind === 'manifest') {
          const { item, attempt } = line.manifest.statement.predicate;
          see(line.manifest, `the manifest of attempt ${attempt} at item ${item}`);
        }
      },
      settle,
      finish,
    };
  },
};
