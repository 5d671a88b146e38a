/** The open set of a run that grows by very little, very often. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_COUNTS } from '@waybill/verify';
import { HELD_OPEN } from '#core/growth.ts';
import { MAX_SET_IDS } from '#core/names.ts';
import { keys, type OpenRow } from '#core/rows.ts';
import { openMore } from '#flow/open-set.ts';
import { decide } from '#flow/transaction.ts';
import { bytesOf } from '#ports/run-store.ts';
import { instantFlow } from '../simulation/instant-flow.ts';

const RUN = 'a'.repeat(32);
/** As many as one run may have. */
const EXTENSIONS = 10_000;

describe('flow: the open set', () => {
  it('ten thousand additions of one item each make a hundred rows, and a root as small as if they had come at once', async () => {
    const bed = instantFlow();
    const flow = bed.flow('submit');
    await decide(flow, async (draft) => {
      draft.create(keys.openRoot(RUN), { ids: [HELD_OPEN], tally: NO_COUNTS, places: 0 } satisfies OpenRow);
    });
    for (let n = 0; n < EXTENSIONS; n += 1)
      assert.equal(await decide(flow, (draft) => openMore(draft, RUN, [`added-${n}`])), n);
    const root = bed.table.body<OpenRow>(keys.openRoot(RUN)) ?? assert.fail();
    assert.equal(root.ids.length, 1 + EXTENSIONS / MAX_SET_IDS);
    assert.ok(bytesOf(JSON.stringify(root)) < 2_000, `${bytesOf(JSON.stringify(root))} bytes`);
    const rows = bed.table.query(`run/${RUN}`, { prefix: 'open/', limit: EXTENSIONS });
    const held = rows.flatMap(({ sk, body }) => (sk === 'open/root' ? [] : [(body as unknown as OpenRow).ids]));
    assert.ok(held.every(({ length }) => length === MAX_SET_IDS));
    assert.equal(new Set(held.flat()).size, EXTENSIONS);
  });

  it('many that come at once fill the row that is there, and then rows of their own', async () => {
    const bed = instantFlow();
    const flow = bed.flow('submit');
    await decide(flow, async (draft) => {
      draft.create(keys.open(RUN, 0), { ids: ['first'], tally: { ...NO_COUNTS, items: 69 } } satisfies OpenRow);
      draft.create(keys.openRoot(RUN), { ids: ['0'], tally: NO_COUNTS, places: 70 } satisfies OpenRow);
    });
    const ids = Array.from({ length: 150 }, (_, n) => `b-${n}`);
    assert.equal(await decide(flow, (draft) => openMore(draft, RUN, ids)), 70);
    const idsOf = (n: number): string[] => bed.table.body<OpenRow>(keys.open(RUN, n))?.ids ?? [];
    assert.deepEqual(idsOf(0), ['first', ...ids.slice(0, 30)]);
    assert.deepEqual([idsOf(1), idsOf(2)], [ids.slice(30, 130), ids.slice(130)]);
    const root = bed.table.body<OpenRow>(keys.openRoot(RUN));
    assert.deepEqual([root?.ids, root?.places], [['0', '1', '2'], 220]);
  });

  it('a row that was empty counts once: what stood in it is taken out of the root when more come into it', async () => {
    const bed = instantFlow();
    const flow = bed.flow('submit');
    const ended = { ...NO_COUNTS, items: 3, done: 3, attempts: 4, retries: 1 };
    await decide(flow, async (draft) => {
      draft.create(keys.open(RUN, 0), { ids: [], tally: ended } satisfies OpenRow);
      draft.create(keys.openRoot(RUN), { ids: [HELD_OPEN], tally: ended, places: 3 } satisfies OpenRow);
    });
    await decide(flow, (draft) => openMore(draft, RUN, ['more']));
    const root = bed.table.body<OpenRow>(keys.openRoot(RUN));
    assert.deepEqual([root?.ids, root?.tally.items, root?.tally.attempts], [[HELD_OPEN, '0'], 0, 0]);
    assert.deepEqual(bed.table.body<OpenRow>(keys.open(RUN, 0))?.tally, ended);
  });
});
