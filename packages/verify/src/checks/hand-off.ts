/** Checks that every input of an attempt is accounted for. */
import { mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import { CHECKPOINT_KEY, type Checkpoint } from '../record/checkpoint.ts';
import type { EventData, EventLine, PlannedNeed } from '../record/events.ts';
import { spreadNeeds } from '../record/growth.ts';
import type { ManifestInput } from '../record/statement.ts';
import { type Talk, type TalkInput, talkInputs } from '../record/talk.ts';
import type { Check, CheckContext } from './check.ts';

/** What an item that is done left; attempt 0 where it was used again. */
type Left = Pick<EventData['attempt.settled'], 'attempt' | 'outputs'>;

export const handOff: Check = {
  id: 'hand-off',
  code: 'INPUT_MISMATCH',
  claim:
    'Every input of an attempt is an output, unchanged, of an earlier successful attempt that the plan names, or of its own item a question, the answer to it, or the newest checkpoint.',
  start({ facts }: CheckContext) {
    const done = new Map<string, Left>();
    const talks = new Map<string, Talk[]>();
    const kept = new Map<string, Checkpoint>();
    return {
      event(event) {
        note(event, talks);
        keep(event, kept);
        if (event.type === 'item.reused' && facts.plan.isSource(event.data.item))
          done.set(event.data.item, { attempt: 0, outputs: event.data.outputs });
        if (event.type !== 'attempt.settled' || event.data.next !== 'done') return;
        if (facts.plan.isSource(event.data.item)) done.set(event.data.item, event.data);
      },
      dispatch(event, manifest) {
        if (manifest === undefined) return;
        const { item, inputs, reads = [] } = manifest.statement.predicate;
        const at = `attempt ${event.data.attempt} at item ${item}`;
        const planned = facts.plan.items.get(item)?.needs ?? [];
        const pinned = facts.plan.items.get(item)?.reads ?? [];
        mustHold(isSameJson(reads, pinned), `${at} reads something else than its plan pins`);
        const branchesOf = (id: string) => facts.plan.items.get(id)?.branches ?? null;
        const needs = spreadNeeds(planned, branchesOf, (id) => done.has(id));
        const talk = talkInputs(talks.get(item) ?? []);
        const checkpoint = kept.get(item);
        const expected = needs.length + talk.length + (checkpoint === undefined ? 0 : 1);
        mustHold(inputs.length === expected, `${at} has ${inputs.length} inputs, the plan asks for ${expected}`);
        const byKey = new Map(inputs.map((input) => [input.key, input]));
        for (const need of needs) {
          const input = mustFind(byKey.get(need.key), `${at} lacks the input ${need.key}`);
          mustBeHandedOn(need, input, done.get(input.from.item), `the input ${need.key} of ${at}`);
          mustBeFirst(need, input, done, `the input ${need.key} of ${at}`);
        }
        for (const each of talk) mustBeSaid(each, item, byKey.get(each.key), at);
        if (checkpoint !== undefined) mustGoOn(checkpoint, item, byKey.get(CHECKPOINT_KEY), at);
      },
    };
  },
};

/** What an item asked, and what it was answered. */
function note({ type, data }: EventLine, talks: Map<string, Talk[]>): void {
  if (type === 'attempt.settled' && data.question !== undefined) {
    const { item, attempt, question } = data;
    talks.set(item, [...(talks.get(item) ?? []), { attempt, question }]);
  } else if (type === 'control.accepted' && data.answer !== undefined) {
    const last = talks.get(data.item ?? '')?.at(-1);
    if (last !== undefined) last.answer = data.answer;
  }
}

/** What later attempts of an item go on from. */
function keep({ type, data }: EventLine, kept: Map<string, Checkpoint>): void {
  if (type !== 'attempt.settled' || data.checkpoint === undefined) return;
  kept.set(data.item, { attempt: data.attempt, sha256: data.checkpoint });
}

function mustGoOn({ attempt, sha256 }: Checkpoint, item: string, found: ManifestInput | undefined, at: string): void {
  const input = mustFind(found, `${at} does not go on from the checkpoint of attempt ${attempt}`);
  const { from } = input;
  const isIts = from.item === item && from.attempt === attempt && from.output === 'checkpoint';
  mustHold(isIts && input.sha256 === sha256, `${at} goes on from another checkpoint than that of attempt ${attempt}`);
}

function mustBeSaid(
  { key, sha256, from }: TalkInput,
  item: string,
  found: ManifestInput | undefined,
  at: string,
): void {
  const input = mustFind(found, `${at} lacks the input ${key}`);
  const isSame = input.sha256 === sha256 && input.from.item === item;
  const isThere = input.from.attempt === from.attempt && input.from.output === from.output;
  mustHold(isSame && isThere, `the input ${key} of ${at} is not what was said`);
}

/** Of several that could give it, the first in the order of the plan that is done and left it. */
function mustBeFirst({ from }: PlannedNeed, input: ManifestInput, done: ReadonlyMap<string, Left>, at: string): void {
  for (const before of from.slice(0, from.indexOf(input.from.item))) {
    const isLeft = done.get(before)?.outputs.some(({ name }) => name === input.from.output) ?? false;
    mustHold(!isLeft, `${at} comes from ${input.from.item}, and the plan prefers ${before}`);
  }
}

function mustBeHandedOn(need: PlannedNeed, input: ManifestInput, maker: Left | undefined, at: string): void {
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
