import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { sandboxCommand } from './sandbox.ts';

it('sandbox: nothing in the environment becomes an option of bubblewrap', async () => {
  const tree = createAttemptTree('test');
  try {
    const { feed } = sandboxCommand(tree, { A: '--bind' }, ['true']);
    const filtered = feed.filter === null ? [] : ['--seccomp', '5'];
    const options = feed.options.split('\0');
    const from = options.lastIndexOf('--setenv');
    assert.deepEqual(options.slice(from, from + 4), ['--setenv', 'A', '--bind', '--remount-ro']);
    assert.deepEqual(options.slice(-1 - filtered.length), [...filtered, '']);
    for (const env of [{ A: 'b\0--bind\0/\0/' }, { 'A\0b': 'c' }]) {
      assert.throws(
        () => sandboxCommand(tree, env, ['true']),
        (error) => error instanceof TerminalError && /NUL/.test(error.problem),
      );
    }
  } finally {
    await removeAttemptTree(tree);
  }
});
