/** Checks that nothing was started but under a signed manifest, and that every input is accounted for. */

import { expectSignatures } from '#crypto';
import { mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import type { Signed } from '../record/bundle-line.ts';
import type { AttemptClaim, EventLine, EventOf, PlannedNeed } from '../record/events.ts';
import { deriveAttemptId } from '../record/ids.ts';
import type { DispatchedEvent } from '../record/pairing.ts';
import type { DispatchStatement, ManifestInput } from '../record/statement.ts';
import type { BundleFacts, Check, CheckContext } from './check.ts';
import { duringRun, signatureWatcher } from './signatures.ts';

export const manifests: Check = {
  id: 'manifests',
  code: 'MANIFEST_MISMATCH',
  claim: 'Every dispatch and its manifest name each other, and the manifest repeats claim, plan and source.',
  start({ facts }: CheckContext) {
    const claims = new Map<string, AttemptClaim>();
    return {
      event(event) {
        if (event.type === 'attempt.settled') claims.delete(event.data.item);
        if (event.type === 'attempt.claimed') for (const claim of event.data.claims) claims.set(claim.item, claim);
      },
      dispatch(event, manifest) {
        const at = `the dispatch of attempt ${event.data.attempt} at item ${event.data.item}`;
        bind(event, mustFind(manifest, `${at} has no manifest`, 'MANIFEST_MISSING'), at);
        bindToRun(facts, mustFind(manifest, at), claims.get(event.data.item), at);
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

type Settled = EventLine & EventOf<'attempt.settled'>;

export const handOff: Check = {
  id: 'hand-off',
  code: 'INPUT_MISMATCH',
  claim: 'Every input of an attempt is an output, unchanged, of an earlier successful attempt that the plan names.',
  start({ facts }: CheckContext) {
    const done = new Map<string, Settled['data']>();
    return {
      event(event) {
        if (event.type !== 'attempt.settled' || event.data.next !== 'done') return;
        if (facts.plan.isSource(event.data.item)) done.set(event.data.item, event.data);
      },
      dispatch(event, manifest) {
        if (manifest === undefined) return;
        const { item, inputs } = manifest.statement.predicate;
        const at = `attempt ${event.data.attempt} at item ${item}`;
        const needs = facts.plan.items.get(item)?.needs ?? [];
        mustHold(
          inputs.length === needs.length,
          `${at} has ${inputs.length} inputs, the plan asks for ${needs.length}`,
        );
        const byKey = new Map(inputs.map((input) => [input.key, input]));
        for (const need of needs) {
          const input = mustFind(byKey.get(need.key), `${at} lacks the input ${need.key}`);
          mustBeHandedOn(need, input, done.get(input.from.item), `the input ${need.key} of ${at}`);
          mustBeFirst(need, input, done, `the input ${need.key} of ${at}`);
        }
      },
    };
  },
};

/** Of several that could give it, the first in the order of the plan that is done and left it. */
function mustBeFirst(
  { from }: PlannedNeed,
  input: ManifestInput,
  done: ReadonlyMap<string, Settled['data']>,
  at: string,
): void {
  for (const before of from.slice(0, from.indexOf(input.from.item))) {
    const isLeft = done.get(before)?.outputs.some(({ name }) => name === input.from.output) ?? false;
    mustHold(!isLeft, `${at} comes from ${input.from.item}, and the plan prefers ${before}`);
  }
}

function mustBeHandedOn(need: PlannedNeed, input: ManifestInput, maker: Settled['data'] | undefined, at: string): void {
  const { from } = input;
  mustHold(need.from.includes(from.item), `${at} comes from ${from.item}, which the plan does not name`);
  const wanted = need.select === 'patch' ? 'patch' : `outputs/${need.select.output}`;
  mustHold(from.output === wanted, `${at} is ${from.output}, the plan asks for ${wanted}`);
  const { attempt, outputs } = mustFind(maker, `${at} comes from ${from.item}, which is not done`);
  mustHold(attempt === from.attempt, `${at} comes from attempt ${from.attempt}, not the one that succeeded`);
  const output = mustFind(
    outputs.find(({ name }) => name === from.output),
    `${at} was never produced`,
  );
  const isSame = output.sha256 === input.sha256 && output.sizeBytes === input.sizeBytes;
  mustHold(isSame, `${at} is not what ${from.item} produced`);
}
