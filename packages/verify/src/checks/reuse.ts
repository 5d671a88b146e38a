/** Checks that what an item took over was made by an attempt at the same recipe, with the same inputs, as a signed statement says. */

import { mustFind, mustHold } from '../contradiction.ts';
import type { Digest } from '../crypto/digest.ts';
import { isSameJson } from '../json/same.ts';
import type { Signed } from '../record/bundle-line.ts';
import type { EventData, EventLine, RecordedOutput } from '../record/events.ts';
import { spreadNeeds } from '../record/growth.ts';
import { deriveAttemptId } from '../record/ids.ts';
import type { ReusedEvent } from '../record/pairing.ts';
import type { ProvenanceStatement } from '../record/provenance.ts';
import { reuseFactsOf, reuseKey } from '../record/reuse.ts';
import type { BookedItem } from '../replay/booked-item.ts';
import type { BundleFacts, Check, CheckContext } from './check.ts';
import { duringRun, type SignedWithin, signatureWatcher } from './signatures.ts';

type Settled = EventData['attempt.settled'];

/** What the items that are done have left, where another item may be given it. */
class LeftOutputs {
  readonly #facts: BundleFacts;
  readonly #byItem = new Map<string, readonly RecordedOutput[]>();

  constructor(facts: BundleFacts) {
    this.#facts = facts;
  }

  see(event: EventLine): void {
    if (event.type === 'item.reused') this.#keep(event.data);
    if (event.type === 'attempt.settled' && event.data.next === 'done') this.#keep(event.data);
  }

  #keep({ item, outputs }: { item: string; outputs: readonly RecordedOutput[] }): void {
    if (this.#facts.plan.isSource(item)) this.#byItem.set(item, outputs);
  }

  /** What the item would have been given. */
  inputsOf({ needs, reads = [] }: BookedItem, at: string): { key: string; sha256: Digest }[] {
    const branchesOf = (id: string) => this.#facts.plan.items.get(id)?.branches ?? null;
    const spread = spreadNeeds(needs, branchesOf, (id) => this.#byItem.has(id));
    const given = spread.map(({ key, from, select }) => {
      const wanted = select === 'patch' ? 'patch' : `outputs/${select.output}`;
      const found = from.flatMap((id) => this.#byItem.get(id)?.filter(({ name }) => name === wanted) ?? []);
      return { key, sha256: mustFind(found[0], `${at} lacks the input ${key}`).sha256 };
    });
    return [...given, ...reads];
  }
}

export const reuse: Check = {
  id: 'reuse',
  code: 'REUSE_MISMATCH',
  claim: 'Every result that was used again has the provenance of an attempt that succeeded at the same with the same.',
  start({ facts }: CheckContext) {
    const left = new LeftOutputs(facts);
    const ownAttempts = new Map<string, Pick<Settled, 'outputs' | 'attestations'>>();
    return {
      event(event) {
        left.see(event);
        if (event.type !== 'attempt.settled' || event.data.next !== 'done') return;
        const { id, item, outputs, attestations } = event.data;
        if (facts.plan.items.get(item)?.recipe !== undefined) ownAttempts.set(id, { outputs, attestations });
      },
      reuse(event, provenance) {
        const { data } = event;
        const at = `the result that item ${data.item} used again`;
        const told = mustFind(provenance, `${at} has no provenance`, 'REUSE_UNPROVEN');
        mustHold(told.payloadDigest === data.provenance, `${at} names another provenance`);
        mustBeMadeBy(event, told, at);
        const planned = mustFind(facts.plan.items.get(data.item), `item ${data.item} is not in the plan`);
        const recipe = mustFind(planned.recipe, `${at} is of an item that is not pure`);
        const { source } = mustFind(facts.opened, 'the run is never opened').data;
        const { executable, isolation } = data;
        const own = { recipe, executable, isolation, source: source.kind === 'git' ? source.bundle : null };
        const key = reuseKey({ ...own, inputs: left.inputsOf(planned, at) });
        mustHold(data.key === key, `${at} stands under another key than what the item is made of`);
        if (data.from.run === event.run) mustBeOfThisRun(data, ownAttempts.get(data.from.id), at);
      },
    };
  },
};

function mustBeMadeBy({ origin, data }: ReusedEvent, { statement }: Signed<ProvenanceStatement>, at: string): void {
  const { from, isolation, outputs } = data;
  const { externalParameters, internalParameters } = statement.predicate.buildDefinition;
  mustHold(from.id === deriveAttemptId(from.run, from.item, from.attempt), `${at} is of an attempt with a foreign id`);
  const maker = { origin, run: from.run, attempt: from.attempt, attemptId: from.id, isolation, outcome: 'succeeded' };
  const isMaker = isSameJson(internalParameters, maker) && externalParameters.item === from.item;
  mustHold(isMaker, `${at} has the provenance of another attempt, or of one that did not succeed`);
  const subject = outputs.map(({ name, sha256 }) => ({ name, digest: { sha256: sha256.slice('sha256:'.length) } }));
  mustHold(isSameJson(statement.subject, subject), `${at} has other outputs than its provenance names`);
  const made = mustFind(reuseFactsOf(statement), `${at} comes from an attempt at an item that was not pure`);
  mustHold(reuseKey(made) === data.key, `${at} was made of something else than its key says`);
}

/** Where the attempt itself stands in the file it is looked at, beside what is signed about it. */
function mustBeOfThisRun(
  { outputs, provenance, from }: ReusedEvent['data'],
  made: Pick<Settled, 'outputs' | 'attestations'> | undefined,
  at: string,
): void {
  const { outputs: left, attestations } = mustFind(
    made,
    `${at} is of attempt ${from.id}, which did not succeed before`,
  );
  const products = left.filter(({ kind }) => kind !== 'log');
  const isSame = isSameJson(products, outputs) && attestations[0] === provenance;
  mustHold(isSame, `${at} is not what attempt ${from.id} left`);
}

/**
 * A provenance may be older than the run: its key must have been trusted for some place in the log before the seal. Nothing says
 * when, so that by a revoked key only one counts that may be of this run, as for every other statement of it.
 */
function untilSealed(facts: BundleFacts, isRevoked: boolean): SignedWithin {
  const { first, last } = duringRun(facts);
  return { first: isRevoked ? first : 0, last };
}

export const reuseSignatures: Check = {
  id: 'reuse-signatures',
  code: 'SIGNATURE_UNTRUSTED',
  claim: 'Every provenance of a result that was used again was signed by a trusted key, not revoked before the run.',
  needsTrust: true,
  start(context: CheckContext) {
    const { see, settle, finish } = signatureWatcher(context, untilSealed);
    return {
      reuse({ data }, provenance) {
        if (provenance !== undefined) see(provenance, `the provenance of what item ${data.item} used again`);
      },
      settle,
      finish,
    };
  },
};
