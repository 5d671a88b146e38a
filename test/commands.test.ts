import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missingCommands } from './commands.ts';

test('commands: a file is held back for what it needs and the machine lacks, and for nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-commands-'));
  const file = 'test/evidence/timestamps.test.ts';
  assert.deepEqual(missingCommands(file, `/nowhere:${folder}`), ['openssl']);
  mkdirSync(join(folder, 'openssl'));
  assert.deepEqual(missingCommands(file, folder), ['openssl'], 'a folder of that name is no command');
  rmSync(join(folder, 'openssl'), { recursive: true });
  writeFileSync(join(folder, 'openssl'), '');
  assert.deepEqual(missingCommands(file, folder), ['openssl'], 'a file that cannot be run is none either');
  chmodSync(join(folder, 'openssl'), 0o755);
  assert.deepEqual(missingCommands(file, folder), []);
  assert.deepEqual(missingCommands('test/flow/cancel.test.ts', ''), []);
  rmSync(folder, { recursive: true });
});
