/** A gate binds what was reviewed: the outputs that it is about stand in the record, and a verdict may say which were looked at. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reviewDigest } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const execute: Execute = ({ item }) =>
  item === 'flaky' ? FAILED : { ...SUCCEEDED, outputs: { [`${item}.txt`]: Buffer.from(item) } };

const verdictOn = (verb: 'approve' | 'reject', run: string, reviewed: string): object => {
  const document = controlOf(verb, run, 'gate') as { spec: object };
  return { ...document, spec: { ...document.spec, reviewed } };
};

async function waiting(bed: FlowBed, run: string): Promise<string> {
  const row = await bed.until(async () => {
    const found = await bed.itemRow(run, 'gate');
    return found?.state === 'suspended' && found;
  });
  return row.gate?.reviewed ?? '';
}

const ITEMS: ItemDraft[] = [
  { id: 'a' },
  { id: 'b' },
  { id: 'gate', gate: { reviews: ['b', 'a'] } },
  { id: 'after', dependsOn: ['gate'] },
];

describe('flow: reviews', { concurrency: true }, () => {
  it('the digest of what it is about is sealed, shown and repeated by the verdict that names it', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf(ITEMS));
      const reviewed = await waiting(bed, run);
      const shown = await bed.until(() => bed.status('s')?.items.find(({ id }) => id === 'gate')?.waiting?.gate);
      assert.deepEqual([shown.reviews, shown.reviewed], [['a', 'b'], reviewed]);
      assert.deepEqual(await answerTo(bed, 'v', verdictOn('approve', run, reviewed)), ['accepted', undefined]);
      const { states, events } = await finished(bed, 's');
      assert.equal(states.after, 'done');
      const left = eventsOf(events, 'attempt.settled').filter(({ data }) => data.item !== 'after');
      const expected = reviewDigest(left.map(({ data }) => ({ item: data.item, outputs: data.outputs })));
      const suspended = eventsOf(events, 'item.suspended').flatMap(({ data }) => data.items);
      const verdicts = eventsOf(events, 'control.accepted').map(({ data }) => data.reviewed);
      assert.deepEqual([suspended[0]?.reviewed, ...verdicts, reviewed], [expected, expected, expected]);
    });
  });

  it('a verdict on something else is refused, and so is an approval that names nothing; a rejection may', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([...ITEMS, { id: 'plain', gate: {} }]));
      const reviewed = await waiting(bed, run);
      const other = `sha256:${'0'.repeat(64)}`;
      for (const verb of ['approve', 'reject'] as const)
        assert.deepEqual(await answerTo(bed, `v-${verb}`, verdictOn(verb, run, other)), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'blind', controlOf('approve', run, 'gate')), ['invalid', 'ITEM_STATE']);
      assert.equal((await bed.itemRow(run, 'gate'))?.state, 'suspended');
      const plain = controlOf('approve', run, 'plain') as { spec: object };
      const unasked = { ...plain, spec: { ...plain.spec, reviewed } };
      assert.deepEqual(await answerTo(bed, 'p1', unasked), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'p2', plain), ['accepted', undefined]);
      assert.deepEqual(await answerTo(bed, 'v', controlOf('reject', run, 'gate')), ['accepted', undefined]);
      assert.equal((await finished(bed, 's')).states.gate, 'denied');
    });
  });

  it('what is not done is reviewed as that, and a gate with a failed item under review is never put up by itself', async () => {
    await withBed({ execute }, async (bed) => {
      const reviews = ['a', 'flaky'];
      const asking: ItemDraft = { id: 'gate', gate: { reviews }, when: { from: 'flaky', state: 'failed' } };
      const run = bed.submit('s', runOf([{ id: 'a' }, { id: 'flaky' }, asking, { id: 'other', gate: { reviews } }]));
      const reviewed = await waiting(bed, run);
      await answerTo(bed, 'v', verdictOn('approve', run, reviewed));
      const { states, events } = await finished(bed, 's');
      assert.deepEqual(states, { a: 'done', flaky: 'failed', gate: 'done', other: 'skipped' });
      const left = eventsOf(events, 'attempt.settled').find(({ data }) => data.item === 'a')?.data.outputs ?? [];
      const under = [
        { item: 'a', outputs: left },
        { item: 'flaky', outputs: null },
      ];
      assert.equal(reviewed, reviewDigest(under));
    });
  });
});
