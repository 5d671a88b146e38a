import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { sandboxCommand } from './sandbox.ts';

it('sandbox: nothing in the environment becomes an option of bubblewrap', async () => {
  const tree = await createAttemptTree('test');
  try {
    const { options } = sandboxCommand(tree, { A: '--bind' }, ['true']);
    assert.deepEqual(options.split('\0').slice(-4), ['--setenv', 'A', '--bind', '']);
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
