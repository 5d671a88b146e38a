import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlainRef, readSourceUrl } from './source-url.ts';

const KINDS: readonly [url: string, kind: string][] = [
  ['.', 'path'],
  ['..', 'path'],
  ['../repo', 'path'],
  ['/srv/repo.git', 'path'],
  ['./with:colon', 'path'],
  ['repo/sub', 'path'],
  ['C:repo', 'refused'],
  ['file:///srv/repo', 'file'],
  ['file://host/srv/repo', 'refused'],
  ['https://example.com/a/b.git', 'https'],
  ['HTTPS://example.com/a', 'https'],
  ['https://user@example.com/a', 'refused'],
  ['https://', 'refused'],
  ['http://example.com/a', 'refused'],
  ['git://example.com/a', 'refused'],
  ['ssh://example.com/a', 'refused'],
  ['git@example.com:a/b', 'refused'],
  ['ext::sh -c id', 'refused'],
  ['file::/srv', 'refused'],
  ['fd::17', 'refused'],
  ['--upload-pack=id', 'refused'],
  ['-', 'refused'],
  ['', 'refused'],
  ['/a\0b', 'refused'],
];

for (const [url, kind] of KINDS) {
  test(`source url: ${JSON.stringify(url)} is ${kind}`, () => {
    assert.equal(readSourceUrl(url).kind, kind);
  });
}

test('source url: a refusal never repeats a password', () => {
  assert.doesNotMatch(JSON.stringify(readSourceUrl('https://me:hunter2@example.com/a')), /hunter2/);
});

test('source ref: plain names pass, what git could read otherwise does not', () => {
  for (const ref of ['main', 'HEAD', 'HEAD~2', 'v1.0^', 'feature/x', 'refs/heads/main', 'a'.repeat(40), 'größe']) {
    assert.equal(isPlainRef(ref), true, ref);
  }
  for (const ref of [
    '',
    '-x',
    'a..b',
    'a:b',
    'a b',
    'a\n',
    ':/fix',
    '^main',
    '@{-1}',
    'main@{1}',
    'a*',
    'a\\b',
    '$(id)',
  ]) {
    assert.equal(isPlainRef(ref), false, ref);
  }
});
