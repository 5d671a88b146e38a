import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { DONE, FAILED, RUNNING, runOf } from '../../test/run-sample.ts';
import { call, scratch } from '../../test/scratch.ts';
import { stateWith } from '../../test/state.ts';

test('outputs: an item that has not succeeded and left none is refused as of its patch, whatever is asked of it', async (t) => {
  const dir = stateWith(t, runOf([FAILED, RUNNING]));
  for (const id of [FAILED.id, RUNNING.id])
    for (const more of [[], ['a.txt'], ['-o', scratch(t)]]) {
      const { exit, out, err } = await call(['outputs', 'latest', id, ...more, '--dir', dir]);
      const { code, problem, fix } = JSON.parse(err).error;
      assert.deepEqual([exit, out, code], [4, '', 'OBJECT_MISSING']);
      assert.equal(problem, `the last attempt of ${id} left no outputs`);
      assert.match(fix, /`capture: outputs` .*`waybill explain`/);
    }
});

test('outputs: of an item that is done and captured none it is said that there are none', async (t) => {
  const dir = stateWith(t, runOf([DONE]));
  const target = scratch(t);
  for (const more of [[], ['-o', target]]) {
    const { exit, out } = await call(['outputs', 'latest', DONE.id, ...more, '--dir', dir]);
    assert.deepEqual([exit, JSON.parse(out)], [0, { item: DONE.id, outputs: [] }]);
    const shown = await call(['outputs', 'latest', DONE.id, ...more, '--plain', '--dir', dir]);
    assert.deepEqual([shown.exit, shown.out], [0, 'no outputs\n']);
  }
  assert.deepEqual(readdirSync(target), []);
});

test('outputs: what a failed item has left all the same is listed', async (t) => {
  const [attempt] = FAILED.attempts;
  assert.ok(attempt !== undefined);
  const outputs = [
    { name: 'outputs/a.txt', kind: 'output' as const, sha256: `sha256:${'a'.repeat(64)}` as const, sizeBytes: 1 },
  ];
  const dir = stateWith(t, runOf([{ ...FAILED, attempts: [{ ...attempt, outputs }] }]));
  const { exit, out } = await call(['outputs', 'latest', FAILED.id, '--dir', dir]);
  assert.deepEqual([exit, JSON.parse(out).name], [0, 'outputs/a.txt']);
});
