import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DONE, HOSTILE, item, runOf, UNSEEN } from '../../test/run-sample.ts';
import { call } from '../../test/scratch.ts';
import { stateWith } from '../../test/state.ts';

test('cost: of an item whose usage could not be read it says why, and of others nothing', async (t) => {
  const usageProblem = `block 1: usage is not JSON ${HOSTILE}`;
  const dir = stateWith(t, runOf([DONE, item('odd', 'done', { usageProblem })]));
  const { out } = await call(['cost', 'latest', '--dir', dir]);
  assert.deepEqual(JSON.parse(out).unread, [{ item: 'odd', problem: usageProblem }]);
  const shown = (await call(['cost', 'latest', '--plain', '--dir', dir])).out;
  assert.match(shown, /\nunread {2}usage of odd: block 1: usage is not JSON/);
  assert.doesNotMatch(shown, UNSEEN);
  const none = await call(['cost', 'latest', '--dir', stateWith(t, runOf([DONE]))]);
  assert.equal('unread' in JSON.parse(none.out), false);
});
