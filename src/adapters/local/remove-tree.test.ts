import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';

const NOBODY = 65_534;
/** Root may remove anything, so as root the tree is handed to somebody who may not, and removed by him. */
const OWNER = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

it('attempt tree: what a killed worker left is removed by its owner, read-only and closed directories included', () => {
  const work = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  const tree = join(work, 'tree');
  const locked = [
    [join(tree, 'inputs'), 0o555],
    [join(tree, 'closed'), 0o000],
  ] as const;
  for (const [directory] of locked) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'file'), '');
  }
  for (const path of [work, tree, ...locked.map(([directory]) => directory)]) {
    if (OWNER.uid !== undefined) chownSync(path, OWNER.uid, OWNER.gid);
  }
  for (const [directory, mode] of locked) chmodSync(directory, mode);
  execFileSync(process.execPath, ['--input-type=module', '--eval', removalOf(tree)], { ...OWNER, cwd: '/' });
  assert.equal(existsSync(tree), false);
  rmSync(work, { recursive: true });
});

function removalOf(tree: string): string {
  const module = pathToFileURL(join(import.meta.dirname, 'remove-tree.ts')).href;
  return `import { removeAttemptTree } from ${JSON.stringify(module)}; await removeAttemptTree(${JSON.stringify(tree)});`;
}
