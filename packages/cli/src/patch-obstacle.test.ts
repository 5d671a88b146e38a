import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../test/scratch.ts';
import { applyPatch } from './git-apply.ts';

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const [NONE, SOME] = ['0'.repeat(40), '3367afdbbf91e638efe983616377c60477cc6612'];
const NEW = `diff --git a/NAME b/NAME\nnew file mode 100644\nindex ${NONE}..${SOME}\n--- /dev/null\n+++ b/NAME\n@@ -0,0 +1 @@\n+new\n`;
const GONE = `diff --git a/NAME b/NAME\ndeleted file mode 100644\nindex ${SOME}..${NONE}\n--- a/NAME\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n`;
const named = (text: string, name: string): string => text.replaceAll('NAME', name);
const FIRST = named(NEW, 'a');

function treeWith(root: string, ...paths: string[]): string {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (path.endsWith('/')) mkdirSync(join(root, path));
    else writeFileSync(join(root, path), 'old\n');
  }
  return root;
}

test('patch obstacle: what is in the way of a patch is told by its path before anything is written', async (t) => {
  const root = join(scratch(t), 'tree');
  for (const [patch, obstacle, ...paths] of [
    [named(NEW, 'd/f'), 'd', 'd'],
    [named(NEW, 'd'), 'd/mine', 'd/mine'],
    [named(GONE, 'd/f') + named(NEW, 'd'), 'd/mine', 'd/f', 'd/mine'],
    [named(GONE, 'd/f') + named(NEW, 'd'), 'd/e', 'd/f', 'd/e/'],
  ] as const) {
    const directory = treeWith(root, ...paths);
    const problem = `the patch does not apply: ${obstacle} is in the way of what it puts there`;
    await assert.rejects(applyPatch(directory, bytesOf(FIRST + patch)), { code: 'PATCH_CONFLICT', problem });
    assert.ok(!existsSync(join(directory, 'a')));
    for (const path of paths) assert.ok(existsSync(join(directory, path)), path);
  }
});

test('patch obstacle: what the patch takes away itself, and an empty directory, are in nobody’s way', async (t) => {
  const root = join(scratch(t), 'tree');
  for (const [patch, written, ...paths] of [
    [named(GONE, 'd') + named(NEW, 'd/f'), 'd/f', 'd'],
    [named(GONE, 'd/e/f') + named(NEW, 'd'), 'd', 'd/e/f'],
    [named(NEW, 'd'), 'd', 'd/'],
  ] as const) {
    const directory = treeWith(root, ...paths);
    await applyPatch(directory, bytesOf(FIRST + patch));
    assert.equal(readFileSync(join(directory, written), 'utf8'), 'new\n');
  }
});
