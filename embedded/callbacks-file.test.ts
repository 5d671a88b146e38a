import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { readCallbacksFile } from './callbacks-file.ts';

const KEY = 'k'.repeat(32);
const URL_OF = 'https://hooks.example/waybill?of=ops';
let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'waybill-callbacks-'));
  for (const [name, text] of Object.entries({
    key: `${KEY}\n`,
    short: 'k'.repeat(31),
    open: KEY,
    long: 'k'.repeat(1025),
  }))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  chmodSync(join(directory, 'open'), 0o640);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('callbacks file: names lead to an address and the key in a file, without its last line feed', () => {
  const found = readCallbacksFile(directory, {
    ops: { url: URL_OF, keyFile: 'key' },
    here: { url: 'http://127.0.0.1:8080/hook', keyFile: join(directory, 'key') },
  });
  assert.deepEqual([...found.keys()], ['ops', 'here']);
  assert.equal(found.get('ops')?.url.href, URL_OF);
  assert.equal(Buffer.from(found.get('ops')?.key ?? []).toString(), KEY);
  assert.equal(readCallbacksFile(directory, {}).size, 0);
});

test('callbacks file: an address that anybody on the way reads, and a key that others read or nobody has, are refused', () => {
  const wrong: Record<string, [document: object, problem: RegExp]> = {
    'in the clear': [{ ops: { url: 'http://hooks.example/', keyFile: 'key' } }, /callbacks\.json\.ops\.url.*https/],
    'a name that only begins like this machine': [
      { ops: { url: 'http://localhost.example/', keyFile: 'key' } },
      /ops\.url.*https/,
    ],
    'a file': [{ ops: { url: 'file:///etc/passwd', keyFile: 'key' } }, /ops\.url.*https/],
    'no address': [{ ops: { url: 'ops', keyFile: 'key' } }, /ops\.url.*no address/],
    'with a password': [{ ops: { url: 'https://u:p@hooks.example/', keyFile: 'key' } }, /ops\.url.*password/],
    'read by others': [{ ops: { url: URL_OF, keyFile: 'open' } }, /ops\.keyFile.*others/],
    'too short': [{ ops: { url: URL_OF, keyFile: 'short' } }, /ops\.keyFile.*32 to 1024/],
    'too long': [{ ops: { url: URL_OF, keyFile: 'long' } }, /ops\.keyFile.*32 to 1024/],
    'not there': [{ ops: { url: URL_OF, keyFile: 'none' } }, /ops\.keyFile.*no file/],
    'no name': [{ 'a b': { url: URL_OF, keyFile: 'key' } }, /callbacks\.json\.a b.*no name/],
    'another word': [{ ops: { url: URL_OF, keyFile: 'key', retries: 3 } }, /ops\.retries.*not a known key/],
  };
  for (const [title, [document, problem]] of Object.entries(wrong))
    assert.throws(
      () => readCallbacksFile(directory, document),
      (error) => error instanceof TerminalError && problem.test(`${error.path} ${error.problem}`),
      title,
    );
});
