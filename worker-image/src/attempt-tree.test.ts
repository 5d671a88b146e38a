import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';

it('attempt tree: is removed whole, with directories that their owner may not change and paths that nobody can name', async () => {
  const tree = createAttemptTree('test');
  for (const [directory, mode] of [
    [tree.inputs, 0o555],
    [join(tree.workspace, 'closed'), 0o000],
  ] as const) {
    mkdirSync(join(directory, 'below'), { recursive: true });
    for (let n = 0; n < 50; n += 1) writeFileSync(join(directory, 'below', String(n)), '');
    chmodSync(join(directory, 'below'), mode);
    chmodSync(directory, mode);
  }
  // A path that is longer than any call takes.
  const enter = 'i=0; while [ $i -lt 25 ]; do mkdir $0; cd -P $0; i=$((i+1)); done; : > file';
  execFileSync('/bin/sh', ['-c', enter, 'd'.repeat(200)], { cwd: tree.outputs });
  await removeAttemptTree(tree);
  assert.equal(existsSync(tree.root), false);
});

for (const [what, enter, isAtOnce] of [
  ['little', 'mkdir -p a/b/c; : > a/b/c/file', true],
  ['many files', 'i=0; while [ $i -lt 300 ]; do : > $i; i=$((i+1)); done', false],
  ['directories in directories', 'i=0; while [ $i -lt 300 ]; do mkdir d; cd -P d; i=$((i+1)); done', false],
] as const) {
  it(`attempt tree: of ${what} the removal ${isAtOnce ? 'is over at once' : 'leaves the thread to others'}`, async () => {
    const tree = createAttemptTree('test');
    execFileSync('/bin/sh', ['-c', enter], { cwd: tree.outputs });
    let othersHadATurn = false;
    setImmediate(() => {
      othersHadATurn = true;
    });
    await removeAttemptTree(tree);
    assert.deepEqual([existsSync(tree.root), othersHadATurn], [false, !isAtOnce]);
  });
}
