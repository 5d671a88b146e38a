/** A block that gets nowhere is ended as deferred, and what it had kept is there for the next attempt; wherever blocks run. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PlanGuards } from '@waybill/client/plan';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { ContainerBed } from '../support/container-bed.ts';
import { type AttemptEnd, openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

let bed: WorkerBed;
let containers: ContainerBed;
let bubblewrap: { works: boolean; detail: string };
before(async () => {
  bed = await openWorkerBed();
  containers = await ContainerBed.open(bed);
  const { isolation, detail } = await bed.launcher.probe();
  bubblewrap = { works: isolation === 'bubblewrap', detail };
});
after(async () => {
  containers.close();
  await bed.close();
});

const verdictOf = ({ result, outputs }: AttemptEnd): unknown[] => [result?.outcome, result?.reason, ...outputs.keys()];

for (const isolation of ['none', 'bubblewrap', 'container'] as const satisfies Isolation[]) {
  describe(`worker: guards with isolation ${isolation}`, () => {
    const run = (script: string, guards?: PlanGuards): Promise<AttemptEnd> => {
      const block = { block: 'script' as const, run: script, ...(guards === undefined ? {} : { guards }) };
      const spec = { pipeline: [block] };
      return isolation === 'container' ? containers.run(spec) : bed.run({ isolation, ...spec });
    };
    const test = (title: string, body: () => Promise<void>) =>
      it(title, async (t) => {
        if (isolation !== 'none' && !bubblewrap.works) return t.skip(`bubblewrap: ${bubblewrap.detail}`);
        await body();
      });

    test('one that is silent for too long is ended, and one that nobody guards is not', async () => {
      const keep = 'echo x > "$WAYBILL_CHECKPOINT/x"; echo kept';
      const stalled = await run(`${keep}; sleep 60`, { stallMs: 3_000 });
      assert.deepEqual(verdictOf(stalled), ['deferred', 'no_output', 'checkpoint'], stalled.log);
      assert.deepEqual(verdictOf(await run('sleep 4')), ['succeeded', 'ok']);
    });

    test('one that writes too much is ended, and one that writes as much as it may is not', async () => {
      const loud = await run('yes', { outputBytes: 1_048_576 });
      assert.deepEqual(verdictOf(loud), ['deferred', 'output_limit']);
      assert.deepEqual(verdictOf(await run('yes | head -c 1048576', { outputBytes: 1_048_576 })), ['succeeded', 'ok']);
    });
  });
}
