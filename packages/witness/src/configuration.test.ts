import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfiguration } from './configuration.ts';

const ROOM = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
after(() => rmSync(ROOM, { recursive: true }));

function fileOf(text: string): string {
  writeFileSync(join(ROOM, 'witness.json'), text);
  return join(ROOM, 'witness.json');
}

test('configuration: flags stand over the file, and the file over the defaults', () => {
  const path = fileOf('{"state":"s","name":"n","logs":["a","b"],"port":1}');
  const defaults = { host: '127.0.0.1', port: 7380 };
  assert.deepEqual(readConfiguration(['--state', 's', '--log', 'a']), {
    verb: 'serve',
    state: 's',
    logs: ['a'],
    ...defaults,
  });
  const all = { verb: 'serve', state: 's', name: 'n', logs: ['a', 'b'], host: '127.0.0.1', port: 1 };
  assert.deepEqual(readConfiguration(['--config', path]), all);
  const flags = ['--config', path, '--log', 'c', '--log', 'd', '--port', '0', '--name', 'm', '--host', '::1'];
  assert.deepEqual(readConfiguration(flags), { ...all, logs: ['c', 'd'], port: 0, name: 'm', host: '::1' });
  assert.deepEqual(readConfiguration(['vkey', '--state', 's']), { verb: 'vkey', state: 's', logs: [], ...defaults });
});

test('configuration: whatever is wrong, missing or unknown is a usage error', () => {
  for (const args of [
    [],
    ['--log', 'a'],
    ['--state', 's'],
    ['serve', 'serve', '--state', 's', '--log', 'a'],
    ['paint', '--state', 's', '--log', 'a'],
    ['--state', 's', '--log', 'a', '--port', '65536'],
    ['--state', 's', '--log', 'a', '--port', '-1'],
    ['--state', 's', '--log', 'a', '--port', ''],
    ['--state', 's', '--log', 'a', '--loud'],
    ['--state', 's', '--log', 'a', '--config', join(ROOM, 'absent.json')],
  ]) {
    assert.throws(() => readConfiguration(args), { code: 'USAGE' }, args.join(' '));
  }
  for (const text of [
    '{',
    '[]',
    'null',
    '{"logs":"x"}',
    '{"logs":[""]}',
    '{"port":65536}',
    '{"port":"1"}',
    '{"colour":"red"}',
    '{"toString":"x"}',
  ]) {
    assert.throws(
      () => readConfiguration(['--state', 's', '--log', 'a', '--config', fileOf(text)]),
      { code: 'USAGE' },
      text,
    );
  }
});
