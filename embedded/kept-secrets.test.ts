import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SecretFolder } from '@waybill/client/secret-folder';
import { keptSecrets } from './kept-secrets.ts';

it('kept secrets: they are known as they are now; where nobody can tell, none is said to be missing', () => {
  const home = mkdtempSync(join(tmpdir(), 'waybill-kept-'));
  try {
    const folder = new SecretFolder(home);
    const kept = keptSecrets(folder);
    assert.deepEqual([kept.has('token'), [...kept]], [false, []]);
    folder.set('token', Buffer.from('a value of its own'));
    assert.deepEqual([kept.has('token'), kept.has('other'), [...kept]], [true, false, ['token']]);
    chmodSync(join(home, 'secrets'), 0o755);
    assert.deepEqual([kept.has('token'), kept.has('other'), [...kept]], [true, true, []]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
