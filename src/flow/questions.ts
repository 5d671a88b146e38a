/**
 * Questions: an attempt that cannot go on without somebody ends with a question. Its item waits suspended, without slot, lock,
 * task or place in any list, until whoever may steer the run answers; then it lines up, and its next attempt is given all that
 * was asked and answered so far, as inputs.
 */
import type { RunVerb } from '@waybill/client/compile';
import { type ManifestInput, talkInputs } from '@waybill/verify';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, askedItem, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { makeReady, readItem } from '#flow/items.ts';
import type { Draft } from '#flow/transaction.ts';

type Given = Extract<RunVerb, { verb: 'answer' }>;

/** `isQueued`: the item can be claimed now. */
export async function acceptAnswer(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  { item: id, text, question }: Given,
): Promise<Answer & { isQueued?: boolean }> {
  const { run, row } = asked;
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  const [spec, item] = await readItem(draft, { run, item: id });
  const last = item.talk?.at(-1);
  const problem = problemOf(item, question);
  if (last === undefined || problem !== null)
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', ...(problem ?? ASKS_NOTHING) });
  // Kept before anything says so; the same bytes again are the same artifact.
  const answer = await deps.artifacts.put(new TextEncoder().encode(text));
  const { asking: _answered, reason: _asked, ...rest } = item;
  const talk = [...(item.talk ?? []).slice(0, -1), { ...last, answer }];
  const isQueued = makeReady(deps, draft, { run, item: id }, row, spec, { ...rest, talk });
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  emitControl(deps, draft, asked, 'answer', id, { answer: answer.sha256 });
  draft.emit(run, { type: 'item.ready', data: { items: [id] } });
  return { ...accepted(run), isQueued };
}

const ASKS_NOTHING = {
  problem: 'the item asks nothing',
  fix: 'Answer one that does: `waybill explain` says what an item waits for.',
};

function problemOf(item: ItemRow, question: string | undefined): { problem: string; fix: string } | null {
  if (isTerminal(item.state)) return { problem: `it has ended as ${item.state}`, fix: 'Nothing is left to answer.' };
  const last = item.talk?.at(-1);
  if (item.asking === undefined || last === undefined) return ASKS_NOTHING;
  if (question === undefined || question === last.question.sha256) return null;
  return { problem: 'it asks something else by now', fix: 'Read what it asks, and answer that.' };
}

/** All that was asked and answered so far, by digest. */
export function talkOf(item: string, { talk = [] }: ItemRow): ManifestInput[] {
  const refs = talk.flatMap(({ question, answer }) => (answer === undefined ? [question] : [question, answer]));
  const said = talk.map(({ attempt, question, answer }) => {
    const answered = answer === undefined ? {} : { answer: answer.sha256 };
    return { attempt, question: question.sha256, ...answered };
  });
  return talkInputs(said).map(({ key, sha256, from }, n) => {
    return { key, sha256, sizeBytes: refs[n]?.sizeBytes ?? 0, from: { item, ...from } };
  });
}
