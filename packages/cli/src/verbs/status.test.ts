import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, DONE, PENDING, RUNNING, runOf } from '../../test/run-sample.ts';
import { call } from '../../test/scratch.ts';
import { pretendEngine, stateWith } from '../../test/state.ts';

const OPEN = runOf([DONE, RUNNING, PENDING]);
const SEALED = runOf([DONE], { state: 'done', completedAt: at(5), sealedAt: at(6) });
const GO_ON = /no engine is running on this state directory.*\ngo on +\S*waybill watch 0123456789ab/;

const SHOWN = [['status', 'latest'], ['runs'], ['explain', 'latest', 'edit-b']];

test('status, runs, explain: an open run that no engine works on is said to be stopped, and how it goes on', async (t) => {
  const dir = stateWith(t, OPEN);
  for (const verb of SHOWN) {
    const { exit, out } = await call([...verb, '--plain', '--dir', dir]);
    assert.equal(exit, 0);
    assert.match(out, GO_ON, verb.join(' '));
    assert.equal(JSON.parse((await call([...verb, '--dir', dir])).out).engineRuns, false, verb.join(' '));
  }
  const { out } = await call(['status', 'latest', '--plain', '--dir', dir]);
  assert.match(out, /running {2}5\.0 s/, 'its time stands still');
});

test('status, runs, explain: nothing of that is said while an engine works, or when nothing is left to do', async (t) => {
  const open = stateWith(t, OPEN);
  pretendEngine(open);
  for (const dir of [open, stateWith(t, SEALED)]) {
    for (const [verb = '', ...args] of SHOWN) {
      const words = [verb, ...args.map((word) => (dir === open ? word : word.replace('edit-b', 'edit-a')))];
      assert.doesNotMatch((await call([...words, '--plain', '--dir', dir])).out, /no engine/);
      assert.equal(JSON.parse((await call([...words, '--dir', dir])).out).engineRuns, true);
    }
  }
});

test('status, runs: a run that was aborted is called so, and nothing goes on in it', async (t) => {
  const aborted = { at: at(8), reason: 'gave_up' };
  const dir = stateWith(t, { ...OPEN, state: 'cancelled', completedAt: at(8), aborted });
  const status = await call(['status', 'latest', '--plain', '--dir', dir]);
  assert.match(status.out, /^nightly 0123456789ab {2}aborted {2}8\.0 s.*\naborted {2}gave_up: .* never sealed/);
  assert.match(status.out, /edit-b +running +6\.0 s/);
  assert.doesNotMatch(status.out, /no engine/);
  const runs = await call(['runs', '--plain', '--dir', dir]);
  assert.match(runs.out, /nightly {2}aborted/);
});
