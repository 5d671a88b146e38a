import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlay } from './capability-overlay.ts';
import type { TarEntry } from './tar.ts';

function folder(name: string, files: Record<string, string>): { name: string; entries: TarEntry[] } {
  const entries = Object.entries(files).map(
    ([path, text]): TarEntry => ({ path, kind: 'file', bytes: Buffer.from(text) }),
  );
  return { name, entries };
}

function laid(...folders: { name: string; entries: TarEntry[] }[]): Record<string, string> {
  const { entries } = overlay(folders);
  return Object.fromEntries(entries.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
}

test('overlay: of one path the later capability has the last word, whatever stands there in each', () => {
  const base = folder('base', { 'bin/lint': 'old', 'skills/a.md': 'a', 'docs/x': 'x', docsx: 'kept', note: 'n' });
  const team = folder('team', {
    'bin/lint': 'new',
    'skills/b.md': 'b',
    docs: 'now a file',
    'note/deep': 'now a folder',
  });
  const both = { 'bin/lint': 'new', 'skills/a.md': 'a', 'skills/b.md': 'b', docs: 'now a file', docsx: 'kept' };
  assert.deepEqual(laid(base, team), { ...both, 'note/deep': 'now a folder' });
  assert.equal(laid(team, base)['bin/lint'], 'old');
});

test('overlay: settings are merged by their keys, lists and other values are replaced', () => {
  const base = { rules: { indent: 2, quotes: 'single' }, allow: ['a', 'b'], model: 'small', __proto__x: 1 };
  const team = { rules: { indent: 4, width: null }, allow: ['c'], model: { name: 'large' } };
  const settings = laid(
    folder('base', { 'settings.json': JSON.stringify(base), 'x/settings.json': '{"a":1}' }),
    folder('team', { 'settings.json': JSON.stringify(team) }),
  );
  assert.deepEqual(JSON.parse(settings['settings.json'] ?? ''), {
    rules: { indent: 4, quotes: 'single', width: null },
    allow: ['c'],
    model: { name: 'large' },
    __proto__x: 1,
  });
  assert.equal(settings['x/settings.json'], '{"a":1}');
});

test('overlay: settings with a key that names the prototype are refused', () => {
  const hostile = folder('a', { 'settings.json': '{"__proto__":{"polluted":true}}' });
  assert.throws(() => overlay([hostile, hostile]), { code: 'SPEC_INVALID' });
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('overlay: every setup script runs, in order, and none is laid down', () => {
  const { setups, entries } = overlay([
    folder('one', { 'setup.sh': '1' }),
    folder('two', { 'a/setup.sh': 'x' }),
    folder('three', { 'setup.sh': '3' }),
  ]);
  assert.deepEqual(
    setups.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]),
    [
      ['one', '1'],
      ['three', '3'],
    ],
  );
  assert.deepEqual(
    entries.map(({ path }) => path),
    ['a/setup.sh'],
  );
});

test('overlay: settings that are no object are refused when they are to be merged', () => {
  const broken = [folder('a', { 'settings.json': '{}' }), folder('b', { 'settings.json': '[]' })];
  assert.throws(() => overlay(broken), { code: 'SPEC_INVALID', path: 'settings.json' });
});
