import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { TrustedKey } from '@waybill/verify';
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

it('signer: files: an adoption that was cut off after any of its steps is finished by the next one', async () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-keys-'));
  const base = join(root, 'base');
  const made = await openLocalSigner(base).makeKey('attest', 'ecdsa-p256-sha256');
  const { trust } = openLocalSigner(base);
  const [log, attest] = trust.keys as [TrustedKey, TrustedKey];
  const { keyid, spki } = made;
  const next: TrustedKey = { use: 'attest', alg: 'ecdsa-p256-sha256', keyid, spki, from: 7 };
  const keys: TrustedKey[] = [log, { ...attest, to: 8 }, next];
  const finalName = `attest-${keyid}.pem`;
  const steps: Record<string, (directory: string) => void> = {
    'before any': () => {},
    'after the key file': (directory) =>
      renameSync(join(directory, `${finalName}.pending`), join(directory, finalName)),
    'before pending files went': (directory) => {
      copyFileSync(join(directory, `${finalName}.pending`), join(directory, finalName));
      writeFileSync(join(directory, 'public.json'), JSON.stringify({ ...trust, keys }));
    },
    'with public.json alone': (directory) =>
      writeFileSync(join(directory, 'public.json'), JSON.stringify({ ...trust, keys })),
  };
  for (const [title, cutOff] of Object.entries(steps)) {
    const directory = join(root, title);
    cpSync(base, directory, { recursive: true });
    cutOff(directory);
    const signer = openLocalSigner(directory);
    await signer.adopt(keys);
    assert.equal(signer.attestKeyId, keyid, title);
    assert.deepEqual(openLocalSigner(directory).trust.keys, keys, title);
    const left = readdirSync(directory).filter((name) => /pending|tmp|new$/.test(name));
    assert.deepEqual(left, [], title);
  }
  rmSync(root, { recursive: true });
});

it('signer: files: where the ledger has begun, keys that are gone were lost, and none are made in their place', () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-keys-'));
  const [backup, keys, ledger] = [join(root, 'backup'), join(root, 'keys'), join(root, 'ledger')];
  // What a first write left that was cut off is no ledger.
  mkdirSync(join(ledger, '.incoming'), { recursive: true });
  const { origin } = openLocalSigner(backup, ledger);
  mkdirSync(join(ledger, 'checkpoints'));
  const refused = { code: 'OBJECT_MISSING', fix: /^Restore / };
  assert.throws(() => openLocalSigner(keys, ledger), {
    ...refused,
    path: keys,
    fix: /^Restore keys\/ from its backup/,
  });
  assert.equal(existsSync(keys), false);
  const names = readdirSync(backup);
  for (const lost of names.filter((name) => name !== 'public.json')) {
    for (const left of [names, names.filter((name) => name !== 'public.json')]) {
      mkdirSync(keys);
      for (const name of left.filter((each) => each !== lost)) copyFileSync(join(backup, name), join(keys, name));
      assert.throws(() => openLocalSigner(keys, ledger), refused, lost);
      assert.deepEqual(readdirSync(keys), left.filter((each) => each !== lost).sort());
      rmSync(keys, { recursive: true });
    }
  }
  cpSync(backup, keys, { recursive: true });
  rmSync(join(keys, 'public.json'));
  assert.equal(openLocalSigner(keys, ledger).origin, origin);
  rmSync(root, { recursive: true });
});
