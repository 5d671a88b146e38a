/** What the sequencer does once a minute, unasked by any run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeIn } from '#flow/inbox.ts';
import { putInbox } from '../../test/support/embedded-flow.ts';
import { queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { runOf } from '../../test/support/run-spec.ts';
import { endedRuns, isSealed, sealDuties } from '../../test/support/seal-bed.ts';
import { sequenceMessages } from './sequence-messages.ts';

describe('seal: each minute', () => {
  it('each minute it seals runs whose messages were lost, so many at a time, and the others next', async () => {
    await withHandlers(
      async (bed) => {
        const runs = await endedRuns(
          bed,
          Array.from({ length: 12 }, (_, n) => `s${n}`),
        );
        const sealed = (): number => runs.filter((run) => isSealed(bed, run)).length;
        const minute = (): Promise<unknown> => sequenceMessages(sealDuties(bed), queueEvent({ do: 'tick' }), bed.told);
        await minute();
        assert.equal(sealed(), 10);
        await minute();
        assert.equal(sealed(), 12);
        assert.deepEqual(bed.told.troubles, []);
      },
      { concurrency: 12 },
    );
  });

  it('a look that takes long stops, and goes on next time with the run that has waited longest', async () => {
    await withHandlers(async (bed) => {
      for (const name of ['a', 'b', 'c'])
        putInbox(bed.directory, 'default', name, JSON.stringify(runOf([{ id: 'x' }])));
      await takeIn(bed.flow, () => {});
      let nowMs = bed.flow.clock.nowMs();
      const clock = { ...bed.flow.clock, nowMs: () => nowMs };
      const looked: string[] = [];
      bed.before = ({ port, method, args }) => {
        const [first] = (args[0] ?? []) as { pk: string; sk: string }[];
        if (port !== 'store' || method !== 'get' || first?.sk !== 'tree') return;
        if (looked.at(-1) === first.pk) return;
        looked.push(first.pk);
        // Two of them are a minute's worth.
        nowMs += 11_000;
      };
      const runs = (await bed.flow.store.query('runs', { prefix: '', limit: 9 })).map(({ sk }) => `run/${sk}`);
      const duties = { ...sealDuties(bed), flow: { ...bed.flow, clock } };
      await sequenceMessages(duties, queueEvent({ do: 'tick' }), bed.told);
      assert.deepEqual(looked, runs.slice(0, 2));
      looked.length = 0;
      await sequenceMessages(duties, queueEvent({ do: 'tick' }), bed.told);
      assert.deepEqual(looked, [runs[2], runs[0]]);
    });
  });
});
