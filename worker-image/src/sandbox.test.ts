import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { DEVICES } from './device-nodes.ts';
import { sandboxCommand } from './sandbox.ts';

it('sandbox: a directory that nothing was put into is an empty one of the sandbox itself, and one that is there is shown read-only', async () => {
  const tree = createAttemptTree('test');
  try {
    const shown = (view: string): string[] => {
      const options = sandboxCommand(tree, {}, ['true']).feed.options.split('\0');
      const at = options.indexOf(view);
      return options.slice(options[at - 1] === '--dir' ? at - 1 : at - 2, at);
    };
    for (const [directory, view] of [
      [tree.inputs, '/waybill/inputs'],
      [tree.capabilities, '/waybill/.waybill/capabilities'],
      [tree.door, '/waybill/door'],
    ] as const) {
      assert.deepEqual(shown(view), ['--dir']);
      mkdirSync(directory);
      assert.deepEqual(shown(view), ['--ro-bind', directory]);
    }
  } finally {
    await removeAttemptTree(tree);
  }
});

it('sandbox: device nodes of its own are shown over those of the host, and one of them is stdin; without any, those of the host are', async () => {
  const tree = createAttemptTree('test');
  try {
    const shown = (deviceNodes: string | null): [string[], string | null] => {
      const { feed } = sandboxCommand(tree, {}, ['true'], { deviceNodes });
      const options = feed.options.split('\0');
      const from = options.indexOf('/dev/shm') + 1;
      return [options.slice(from, options.indexOf('/dev', from)), feed.input];
    };
    assert.deepEqual(shown(null), [['--remount-ro'], null]);
    const binds = DEVICES.flatMap((name) => ['--dev-bind', `/own/${name}`, `/dev/${name}`]);
    assert.deepEqual(shown('/own'), [[...binds, '--remount-ro'], '/own/null']);
  } finally {
    await removeAttemptTree(tree);
  }
});

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
