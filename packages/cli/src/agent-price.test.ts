import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DONE, runOf } from '../test/run-sample.ts';
import { call } from '../test/scratch.ts';
import { pretendEngine, stateWith } from '../test/state.ts';

const SPEC = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'x' },
  spec: { items: [{ id: 'a', pipeline: [{ block: 'agent', adapter: 'command', command: ['true'] }] }] },
};

for (const [title, text] of [
  ['no JSON', '{'],
  ['two mistakes', '{"caps":{"dayMicroUsd":0},"prices":{"version":"v","agentMicroUsd":"x"}}'],
] as const) {
  test(`spending: with ${title} in its file, plan and cost give the refusal of the engine`, async (t) => {
    const dir = stateWith(t, runOf([DONE]));
    const spec = join(dir, 'spec.json');
    writeFileSync(spec, JSON.stringify(SPEC));
    writeFileSync(join(dir, 'spending.json'), text);
    const refusedBy = async (...words: string[]) => {
      const { exit, out, err } = await call([...words, '--dir', dir]);
      assert.deepEqual([exit, out], [4, ''], words.join(' '));
      return JSON.parse(err).error;
    };
    const engine = await refusedBy('run', spec, '--no-sandbox');
    assert.deepEqual([engine.code, engine.retryable], ['USAGE', false]);
    assert.match(engine.path, /spending\.json/);
    assert.deepEqual(await refusedBy('plan', spec), engine);
    assert.deepEqual(await refusedBy('cost'), engine);
    pretendEngine(dir);
    assert.deepEqual(await refusedBy('cost'), engine, 'beside an engine that was started before');
    assert.equal((await call(['cost', 'latest', '--dir', dir])).exit, 0, 'what a run has cost stands in its status');
  });
}
