import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { groupOf, isGroup, testFiles } from './groups.ts';

test('groups: a test file in a folder that no group claims is a unit test, so that none is forgotten', () => {
  assert.equal(groupOf('src/core/locks.test.ts'), 'unit');
  assert.equal(groupOf('a/folder/made/tomorrow.test.ts'), 'unit');
  assert.equal(groupOf('packages/verify/src/json/jcs.test.ts'), 'verifier');
  assert.equal(groupOf('test/flow/cancel.test.ts'), 'flow');
});

test('groups: a name is a group only if tests can run under it', () => {
  assert.equal(isGroup('flow'), true);
  assert.equal(isGroup('src/flow'), false);
});

test('groups: the search finds tests everywhere but in what is installed, built or planted', () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-groups-'));
  const paths = ['src/a.test.ts', 'node_modules/x/b.test.ts', 'build/c.test.ts', 'test/fixtures/d.test.ts', 'src/e.ts'];
  for (const path of paths) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  assert.deepEqual(testFiles(root), ['src/a.test.ts']);
  rmSync(root, { recursive: true });
});
