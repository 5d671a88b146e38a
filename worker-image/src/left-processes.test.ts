import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ownsAllProcesses } from './left-processes.ts';

// The other answer, and what is done then, is tried in test/sandbox/containers.test.ts.
it('left processes: a machine is not taken for a container whose processes could all be killed', () => {
  assert.equal(ownsAllProcesses(), false);
});
