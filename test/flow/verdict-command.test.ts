/** `waybill approve` and `waybill reject`, as a person types them beside an engine that works. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { call } from '../../packages/cli/test/scratch.ts';
import { pretendEngine } from '../../packages/cli/test/state.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const execute: Execute = ({ item }) => ({ ...SUCCEEDED, outputs: { [`${item}.txt`]: Buffer.from(item) } });
const ITEMS: ItemDraft[] = [{ id: 'a' }, { id: 'gate', gate: { reviews: ['a'] } }, { id: 'plain', gate: {} }];
const OTHER = `sha256:${'0'.repeat(64)}`;

interface Waiting {
  reviewed: string;
  /** Of the output that the gate is about. */
  made: string;
  waybill(verb: string, item: string, ...more: string[]): ReturnType<typeof call>;
}

async function beside(bed: FlowBed): Promise<Waiting> {
  pretendEngine(bed.directory);
  bed.submit('s', runOf(ITEMS));
  const shown = await bed.until(() => {
    const items = bed.status('s')?.items ?? [];
    const isUp = items.filter(({ waiting }) => waiting?.gate !== undefined).length === 2;
    return isUp && items;
  });
  const made = shown.find(({ id }) => id === 'a')?.attempts.at(-1)?.outputs[0]?.sha256 ?? '';
  const reviewed = shown.find(({ id }) => id === 'gate')?.waiting?.gate?.reviewed ?? '';
  return { reviewed, made, waybill: (verb, item, ...more) => call([verb, 's', item, ...more, '--dir', bed.directory]) };
}

describe('waybill approve', { concurrency: true }, () => {
  it('an approval that says nothing of what was looked at is refused, shows what there is, and asks the engine nothing', async () => {
    await withBed({ execute }, async (bed) => {
      const { reviewed, made, waybill } = await beside(bed);
      const { exit, out, err } = await waybill('approve', 'gate', '--plain');
      assert.equal(exit, 4);
      assert.match(out, new RegExp(`gate is about ${reviewed}:`));
      assert.match(out, new RegExp(`a +outputs/a.txt +${made}`));
      assert.match(err, new RegExp(`--reviewed[\\s\\S]*approve \\w{12} gate --reviewed ${reviewed.slice(0, 23)}`));
      const [told] = (await waybill('approve', 'gate')).out.trim().split('\n');
      const { outputs, ...head } = JSON.parse(told ?? '') as { reviewed: string; outputs: object[] };
      assert.equal(head.reviewed, reviewed);
      assert.deepEqual(outputs, [{ item: 'a', name: 'outputs/a.txt', sha256: made }]);
      const run = bed.status('s')?.run ?? '';
      assert.equal((await bed.itemRow(run, 'gate'))?.state, 'suspended');
    });
  });

  it('the first digits of the digest are enough, others are refused, and the record has all of it', async () => {
    await withBed({ execute }, async (bed) => {
      const { reviewed, waybill } = await beside(bed);
      for (const said of [OTHER, OTHER.slice(0, 30)]) {
        const { exit, err } = await waybill('approve', 'gate', '--reviewed', said);
        assert.equal(exit, 2, said);
        assert.match(err, new RegExp(`not what the gate is about: it is about ${reviewed}`));
      }
      for (const said of [reviewed.slice(0, 18), `${reviewed}0`, 'all of it'])
        assert.equal((await waybill('approve', 'gate', '--reviewed', said)).exit, 4, said);
      const idle = await waybill('approve', 'plain', '--reviewed', reviewed);
      assert.match(idle.err, /not what the gate is about: it is about no outputs/);
      const given = await waybill('approve', 'gate', '--reviewed', reviewed.slice('sha256:'.length).slice(0, 12));
      assert.deepEqual([given.exit, given.err], [0, '']);
      assert.equal((await waybill('approve', 'plain')).exit, 0, 'of nothing, nothing is to be said');
      const { states, events } = await finished(bed, 's');
      assert.deepEqual(states, { a: 'done', gate: 'done', plain: 'done' });
      const verdicts = eventsOf(events, 'control.accepted').map(({ data }) => [data.item, data.reviewed]);
      assert.deepEqual(verdicts, [
        ['gate', reviewed],
        ['plain', undefined],
      ]);
    });
  });

  it('the whole id of a run and the first digits go together, and the same again is known', async () => {
    await withBed({ execute }, async (bed) => {
      const { reviewed } = await beside(bed);
      const run = bed.status('s')?.run ?? '';
      const approve = (id: string, said: string): ReturnType<typeof call> =>
        call(['approve', id, 'gate', '--reviewed', said, '--dir', bed.directory]);
      const first = await approve(run, reviewed.slice(0, 23));
      assert.deepEqual([first.exit, first.err], [0, '']);
      await bed.until(() => bed.status('s')?.items.find(({ id }) => id === 'gate')?.state === 'done');
      for (const said of [reviewed.slice(0, 23), reviewed.slice('sha256:'.length)]) {
        const again = await approve(run, said);
        assert.deepEqual([again.exit, (JSON.parse(again.out) as { status: string }).status], [0, 'deduped'], said);
      }
      const unseen = await approve('f'.repeat(32), reviewed.slice(0, 23));
      assert.equal(unseen.exit, 4);
      assert.match(unseen.err, /a run of somebody else/);
    });
  });

  it('a rejection needs no digest', async () => {
    await withBed({ execute }, async (bed) => {
      const { waybill } = await beside(bed);
      assert.equal((await waybill('reject', 'gate')).exit, 0);
      assert.equal((await waybill('approve', 'plain')).exit, 0);
      assert.equal((await finished(bed, 's')).states.gate, 'denied');
    });
  });
});
