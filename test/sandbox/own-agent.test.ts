/** The example of an adapter that was written after the documentation alone: how each end of its agent is judged, and what it says it used. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSpec } from '@waybill/client';
import type { Block, PlanItem } from '@waybill/client/plan';
import { ROOT } from '../architecture/repository-files.ts';
import { type AttemptEnd, openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

const EXAMPLE = join(ROOT, 'examples', 'own-agent');
const textOf = (name: string): string => readFileSync(join(EXAMPLE, name), 'utf8');
const INPUTS = Object.fromEntries(['adapter.mjs', 'agent.mjs', 'text.txt'].map((name) => [name, textOf(name)]));
const ENTRY = { block: 0, requested: 'example-model', served: 'example-model-2026-11', cachedTokens: 0 };

let bed: WorkerBed;
let absent: string | null = null;
let item: PlanItem;
before(async () => {
  bed = await openWorkerBed({ allowUnsandboxed: true });
  const { isolation, detail } = await bed.launcher.probe();
  if (isolation !== 'bubblewrap') absent = detail;
  item = await planned();
});
after(() => bed.close());

/** As the example says it; what it reads is given to the attempt as it is. */
async function planned(): Promise<PlanItem> {
  const { items } = await readSpec(readFileSync(join(EXAMPLE, 'waybill.yaml')), EXAMPLE);
  return items[0] ?? assert.fail('there is no item');
}

function play(prompt: string, more: { pipeline?: Block[]; inputs?: Record<string, string> } = {}): Promise<AttemptEnd> {
  const isolation = absent === null ? 'bubblewrap' : 'none';
  const inputs = { ...INPUTS, ...more.inputs };
  return bed.run({ pipeline: more.pipeline ?? item.pipeline, env: { ...item.env, PROMPT: prompt }, isolation, inputs });
}

describe('an agent of somebody else:', () => {
  it('its summary, its log, its models and its cost', async () => {
    const { result, outputs, log } = await play(item.env.PROMPT ?? '');
    assert.deepEqual([result?.outcome, result?.reason], ['succeeded', 'ok'], log);
    assert.equal(outputs.get('outputs/summary.txt')?.toString(), 'A waybill goes with what is carried.\n');
    const words = textOf('text.txt').split(/\s+/).filter(Boolean).length;
    assert.deepEqual(result?.usage, [{ ...ENTRY, inputTokens: words, outputTokens: 12, costMicroUsd: 2_100 }]);
    assert.match(log, /^I was given \d+ words\.\nthe agent ended: done$/m);
  });

  for (const [prompt, outcome, reason, isCounted] of [
    ['refuse', 'policy_blocked', 'policy_blocked', true],
    ['limit', 'timed_out', 'timeout', true],
    ['crash', 'failed', 'exit_nonzero', false],
    ['garble', 'failed', 'exit_nonzero', false],
  ] as const) {
    it(`${prompt}: ${outcome}, and what it used is ${isCounted ? '' : 'not '}said`, async () => {
      const { result, log } = await play(prompt);
      assert.deepEqual([result?.outcome, result?.reason], [outcome, reason], log);
      assert.equal(result?.usage?.length, isCounted ? 1 : undefined);
      assert.equal(result?.usageUnread, undefined);
    });
  }

  it('what it asks is asked, and with the answer it goes on', async () => {
    const { result } = await play('ask');
    assert.deepEqual(
      [result?.outcome, result?.reason, result?.question],
      ['deferred', 'needs_input', 'Of which part?'],
    );
    const talk = { 'question-1.txt': 'Of which part?', 'answer-1.txt': 'Of the first.' };
    const { result: after, log } = await play('ask', { inputs: talk });
    assert.deepEqual([after?.outcome, after?.usage?.length], ['succeeded', 1], log);
  });

  it('one that does not come to an end is ended', async () => {
    const [agent, ...others] = item.pipeline;
    const pipeline = [{ ...agent, timeoutMs: 2_000 } as Block, ...others];
    const { result, log } = await play('wait', { pipeline });
    assert.deepEqual([result?.outcome, result?.reason, result?.usage], ['timed_out', 'timeout', undefined], log);
  });

  it('it stands on nothing of this repository', () => {
    for (const name of ['adapter.mjs', 'agent.mjs'])
      for (const [, from] of textOf(name).matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g))
        assert.match(from ?? '', /^node:/, name);
  });
});
