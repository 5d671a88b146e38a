import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, scratch } from '../../test/scratch.ts';

const WAYBILL = join(import.meta.dirname, '..', '..', 'bin', 'waybill.js');
const VALUE = 'a value that nobody prints';

test('secret: a value comes from a file or a pipe, is listed by name alone, and goes away', async (t) => {
  const directory = scratch(t);
  const [file, state] = [join(directory, 'value'), join(directory, 'state')];
  writeFileSync(file, `${VALUE}\r\n`);
  const said: string[] = [];
  const secret = async (...args: string[]): Promise<number> => {
    const { exit, out, err } = await call(['secret', ...args, '--dir', state]);
    said.push(out, err);
    return exit;
  };
  assert.equal(await secret('set', 'of-a-file', '--from', file), 0);
  const piped = spawnSync(process.execPath, [WAYBILL, 'secret', 'set', 'of-a-pipe', '--dir', state], {
    input: `${VALUE}\n`,
  });
  said.push(piped.stdout.toString(), piped.stderr.toString());
  assert.equal(piped.status, 0, piped.stderr.toString());
  for (const name of ['of-a-file', 'of-a-pipe'])
    assert.equal(readFileSync(join(state, 'secrets', name), 'utf8'), VALUE, 'without the end of its line');
  assert.equal(await secret('list'), 0);
  assert.equal(said.at(-2), '{"secret":"of-a-file"}\n{"secret":"of-a-pipe"}\n');
  assert.deepEqual([await secret('remove', 'of-a-file'), await secret('remove', 'of-a-file')], [0, 4]);
  chmodSync(join(state, 'secrets'), 0o755);
  assert.equal(await secret('list'), 1);
  assert.match(said.at(-1) ?? '', /open to others \(mode 755\)/);
  assert.ok(!said.join('').includes(VALUE));
});

test('secret: what is none is refused, and its value is not repeated', async (t) => {
  const directory = scratch(t);
  const [short, state] = [join(directory, 'short'), join(directory, 'state')];
  writeFileSync(short, 'shortie\n');
  for (const args of [
    ['set', 'x', '--from', short],
    ['set', 'Not-A-Name', '--from', short],
    ['set', 'x', '--from', join(directory, 'gone')],
    ['set', 'x', '--from', directory],
  ]) {
    const { exit, err } = await call(['secret', ...args, '--dir', state]);
    assert.equal(exit, 4, args.join(' '));
    assert.ok(!err.includes('shortie'));
  }
});
