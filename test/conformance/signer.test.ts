import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { signerSuite } from './signer.suite.ts';

signerSuite('files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-keys-'));
  return {
    signer: openLocalSigner(join(directory, 'a')),
    reopen: async () => openLocalSigner(join(directory, 'a')),
    other: async () => openLocalSigner(join(directory, 'b')),
    close: async () => rmSync(directory, { recursive: true }),
  };
});

it('signer: files: private keys are readable by their owner only', () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-keys-'));
  openLocalSigner(directory);
  const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o077]);
  assert.deepEqual(
    modes.filter(([name, mode]) => name !== 'public.json' && mode !== 0),
    [],
  );
  assert.equal(modes.length, 4);
  rmSync(directory, { recursive: true });
});
