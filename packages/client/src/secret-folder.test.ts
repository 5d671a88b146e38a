import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SecretFolder } from './secret-folder.ts';
import { SECRET_BYTES } from './secret-value.ts';

const VALUE = Buffer.from('a value that is long enough');

describe('secret folder', () => {
  let home: string;
  let folder: SecretFolder;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'waybill-secret-folder-'));
    folder = new SecretFolder(home);
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const at = (...names: string[]): string => join(home, 'secrets', ...names);

  it('keeps what is set for its owner alone, lists names, and forgets what is removed', () => {
    assert.deepEqual(folder.list(), []);
    folder.set('b', VALUE);
    folder.set('a', Buffer.from('another value'));
    folder.set('a', VALUE);
    assert.deepEqual(folder.list(), ['a', 'b']);
    assert.deepEqual(Buffer.from(folder.read('a')), VALUE);
    assert.equal(statSync(at('a')).mode & 0o777, 0o600);
    assert.equal(statSync(at()).mode & 0o777, 0o700);
    assert.deepEqual([folder.remove('a'), folder.remove('a')], [true, false]);
    assert.throws(() => folder.read('a'), { code: 'SECRET_UNAVAILABLE', problem: 'is not there' });
  });

  it('reads nothing that others may read, in the file or in the folder', () => {
    folder.set('a', VALUE);
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      chmodSync(at('a'), mode);
      assert.throws(() => folder.read('a'), { code: 'SECRET_UNAVAILABLE', path: at('a'), problem: /open to others/ });
    }
    chmodSync(at('a'), 0o600);
    chmodSync(at(), 0o755);
    assert.throws(() => folder.read('a'), { code: 'SECRET_UNAVAILABLE', path: at(), fix: /chmod go=/ });
    chmodSync(at(), 0o700);
    assert.deepEqual(Buffer.from(folder.read('a')), VALUE);
  });

  it('reads nothing of another owner, where somebody can have one', (t) => {
    if (process.getuid?.() !== 0) return t.skip('the control needs root');
    folder.set('a', VALUE);
    chownSync(at('a'), 12_345, 12_345);
    assert.throws(() => folder.read('a'), { code: 'SECRET_UNAVAILABLE', problem: /another user \(uid 12345\)/ });
  });

  it('follows no link, and takes no name that leads elsewhere', () => {
    folder.set('a', VALUE);
    symlinkSync(at('a'), at('link'));
    assert.throws(() => folder.read('link'), { code: 'SECRET_UNAVAILABLE', problem: 'is a link (ELOOP)' });
    for (const name of ['../a', 'A', '', 'a/b', '.a', 'a..b'])
      assert.throws(() => folder.set(name, VALUE), { code: 'USAGE' }, name);
  });

  it('says of one that it cannot read why, in words of the error that ends an attempt', async () => {
    folder.set('a', VALUE);
    const server = createServer().listen(at('socket'));
    await once(server, 'listening');
    assert.throws(() => folder.read('socket'), { code: 'SECRET_UNAVAILABLE', problem: /\(ENXIO\)$/ });
    server.close();
  });

  it('says of one that its rights keep from its owner that it cannot be read', (t) => {
    folder.set('a', VALUE);
    chmodSync(at('a'), 0);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      // Root reads everything, so it is another user for as long as this takes.
      for (const path of [home, at(), at('a')]) chownSync(path, 12_345, 12_345);
      t.mock.method(process as { getuid(): number }, 'getuid', () => 12_345);
      process.seteuid?.(12_345);
    }
    try {
      assert.throws(() => folder.read('a'), { code: 'SECRET_UNAVAILABLE', problem: 'cannot be read (EACCES)' });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('takes away what a process left that was killed before the value had its name, and nothing of one that runs', () => {
    folder.set('a', VALUE);
    const { pid } = spawnSync('true');
    const [left, reused, own] = [`.${pid}-${Date.now()}`, `.${process.pid}-1`, `.${process.pid}-${Date.now()}`];
    const lay = (): void => {
      for (const name of [left, reused, own, '.other', '.12-x']) writeFileSync(at(name), VALUE, { mode: 0o600 });
    };
    for (const act of [() => folder.set('a', VALUE), () => folder.remove('b')]) {
      lay();
      act();
      assert.deepEqual(readdirSync(at()).toSorted(), ['.12-x', '.other', own, 'a'].toSorted());
    }
  });

  it('keeps nothing that could not be told from other text, and quotes no value', () => {
    const { least, most } = SECRET_BYTES;
    folder.set('least', Buffer.from('x'.repeat(least)));
    folder.set('most', Buffer.from('x'.repeat(most)));
    for (const value of [
      'x'.repeat(least - 1),
      ` ${'x '.repeat(least - 1)}`,
      '\x01\x02\x1f\x7f'.repeat(least - 1),
      'x'.repeat(most + 1),
      `with\0${VALUE}`,
      '\xff'.repeat(20),
    ]) {
      const bytes = Buffer.from(value, 'latin1');
      assert.throws(
        () => folder.set('never', bytes),
        (error: Error) => !error.message.includes(value),
      );
    }
    assert.deepEqual(folder.list(), ['least', 'most']);
  });
});
