/** A block that gets nowhere is ended as deferred, and what it had kept is there for the next attempt; wherever blocks run. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { PlanGuards } from '@waybill/client/plan';
import { ISOLATIONS, openIsolations } from '../support/isolations.ts';
import type { AttemptEnd } from '../support/worker-bed.ts';

const places = openIsolations();

const verdictOf = ({ result, outputs }: AttemptEnd): unknown[] => [result?.outcome, result?.reason, ...outputs.keys()];

for (const isolation of ISOLATIONS) {
  describe(`worker: guards with isolation ${isolation}`, () => {
    const run = (script: string, guards?: PlanGuards): Promise<AttemptEnd> => {
      const block = { block: 'script' as const, run: script, ...(guards === undefined ? {} : { guards }) };
      const spec = { pipeline: [block] };
      return places.run({ isolation, ...spec });
    };
    const test = (title: string, body: () => Promise<void>): void => places.test(isolation, title, body);

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
