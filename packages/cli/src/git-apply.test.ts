import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TerminalError } from '@waybill/client';
import { scratch } from '../test/scratch.ts';
import { applyPatch } from './git-apply.ts';

const PATCH = `diff --git a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1 +1 @@
-old
+new
diff --git a/b.txt b/b.txt
--- a/b.txt
+++ b/b.txt
@@ -1 +1 @@
-old
+new
`;

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function repository(directory: string): void {
  execFileSync('git', ['init', '--quiet', directory]);
  for (const name of ['a.txt', 'b.txt']) writeFileSync(join(directory, name), 'old\n');
}

test('git apply: a patch is applied whole, and its files are named', async (t) => {
  const directory = scratch(t);
  repository(directory);
  assert.deepEqual(await applyPatch(directory, bytesOf(PATCH)), ['a.txt', 'b.txt']);
  assert.equal(readFileSync(join(directory, 'b.txt'), 'utf8'), 'new\n');
});

test('git apply: when any part does not apply, nothing is changed', async (t) => {
  const directory = scratch(t);
  repository(directory);
  writeFileSync(join(directory, 'b.txt'), 'other\n');
  await assert.rejects(applyPatch(directory, bytesOf(PATCH)), (error) => {
    assert.ok(error instanceof TerminalError && error.code === 'PATCH_CONFLICT');
    return true;
  });
  assert.equal(readFileSync(join(directory, 'a.txt'), 'utf8'), 'old\n');
});

test('git apply: a directory that is not there is named', async () => {
  await assert.rejects(applyPatch('/nonexistent', bytesOf(PATCH)), { code: 'FILE_UNREADABLE', path: '/nonexistent' });
});

test('git apply: an empty patch changes nothing and is no error', async (t) => {
  assert.deepEqual(await applyPatch(scratch(t), bytesOf('')), []);
});
