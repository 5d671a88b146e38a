/** Blocks leave files for a later attempt of their item, and find them there; in each of the places in which blocks run. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { CHECKPOINT_KEY } from '@waybill/verify';
import { ISOLATIONS, openIsolations } from '../support/isolations.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';

const script = (run: string, more: object = {}): Block => ({ block: 'script', run, ...more });
const KEEP = 'mkdir "$WAYBILL_CHECKPOINT/a"; echo so far > "$WAYBILL_CHECKPOINT/a/b"';
const ASK = `echo 'Which?' > "$WAYBILL_OUTPUTS/question.txt"; exit 20`;

const places = openIsolations();

for (const isolation of ISOLATIONS) {
  describe(`worker: checkpoints with isolation ${isolation}`, () => {
    const run = (spec: AttemptSpec) => places.run({ isolation, ...spec });
    const test = (title: string, body: () => Promise<void>): void => places.test(isolation, title, body);

    test('what a block leaves before it asks is where the next attempt looks, which may add to it', async () => {
      const first = await run({ pipeline: [script(`${KEEP}; ${ASK}`)] });
      assert.equal(first.result?.reason, 'needs_input', first.log);
      const left = first.outputs.get('checkpoint');
      assert.ok(left);
      const inputs = { [CHECKPOINT_KEY]: left.toString() };
      const more =
        'test ! -e "$WAYBILL_INPUTS/checkpoint.waybill"; cd "$WAYBILL_CHECKPOINT" && cat a/b && echo more >> a/b';
      const second = await run({ inputs, pipeline: [script(more), script(ASK)] });
      assert.match(second.log, /so far/);
      assert.match(second.outputs.get('checkpoint')?.toString() ?? '', /"outputs\/a\/b"[\s\S]*so far\nmore\n$/);
    });

    test('a block that runs out of time leaves what it had by then; one that fails, or leaves nothing, has none', async () => {
      const late = await run({ pipeline: [script(`${KEEP}; sleep 60`, { timeoutMs: 3_000 })] });
      assert.deepEqual([late.result?.outcome, [...late.outputs.keys()]], ['timed_out', ['checkpoint']], late.log);
      for (const end of ['exit 1', 'exit 0']) {
        const over = await run({ pipeline: [script(`${KEEP}; ${end}`)] });
        assert.deepEqual([...over.outputs.keys()], [], end);
      }
      assert.deepEqual([...(await run({ pipeline: [script(ASK)] })).outputs.keys()], []);
    });

    test('what cannot be kept whole ends the attempt with its reason, and its question is not asked', async () => {
      const reasons = {
        'ln -s /etc/passwd "$WAYBILL_CHECKPOINT/link"': 'checkpoint_invalid',
        'rmdir "$WAYBILL_CHECKPOINT"; ln -s /etc "$WAYBILL_CHECKPOINT"': 'checkpoint_invalid',
        'rmdir "$WAYBILL_CHECKPOINT"; echo x > "$WAYBILL_CHECKPOINT"': 'checkpoint_invalid',
        'for n in $(seq 30); do echo x > "$WAYBILL_CHECKPOINT/$n"; done': 'checkpoint_too_large',
        'head -c 1100000 /dev/zero > "$WAYBILL_CHECKPOINT/big"': 'checkpoint_too_large',
      };
      for (const [leave, expected] of Object.entries(reasons)) {
        const { result, outputs, log } = await run({ pipeline: [script(`${leave}; ${ASK}`)] });
        assert.deepEqual([result?.outcome, result?.reason, result?.question], ['contract_error', expected, undefined]);
        assert.deepEqual([[...outputs.keys()], log.includes(expected)], [[], true], leave);
      }
    });

    test('what is no checkpoint is refused before a block runs', async () => {
      const { result } = await run({ inputs: { [CHECKPOINT_KEY]: 'no frame\n' }, pipeline: [script('true')] });
      assert.deepEqual([result?.outcome, result?.reason, result?.blocks], ['contract_error', 'checkpoint_invalid', []]);
    });
  });
}
