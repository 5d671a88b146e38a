import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
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
  chmodSync(join(state, 'secrets', 'of-a-pipe'), 0o644);
  assert.equal(await secret('list'), 0);
  const { secret: name, problem, fix } = JSON.parse(said.at(-2) ?? '');
  assert.deepEqual([name, /open to others \(mode 644\)/.test(problem), /chmod/.test(fix)], ['of-a-pipe', true, true]);
  assert.equal(await secret('list', '--plain'), 0);
  assert.match(said.at(-2) ?? '', /^of-a-pipe .*mode 644\)\n {2}fix: .*chmod/);
  chmodSync(join(state, 'secrets'), 0o755);
  assert.equal(await secret('list'), 2);
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
    assert.ok(!existsSync(state), 'what is refused makes no state directory');
  }
  for (const value of [Buffer.alloc(40_000, 'x'), Buffer.of(0xff, 0xfe), Buffer.from('shortie')]) {
    writeFileSync(short, value);
    const { err } = await call(['secret', 'set', 'x', '--from', short, '--dir', state]);
    assert.match(JSON.parse(err).error.fix, /UTF-8 text of 8 bytes or more .* 32768 in all at most; .* base64/);
  }
});

test('secret set, register, sync: a state directory that nothing can be written to is named, with what to do', async (t) => {
  const directory = scratch(t);
  const [file, values, full] = [join(directory, 'value'), join(directory, 'values.json'), join(directory, 'full')];
  writeFileSync(file, VALUE);
  writeFileSync(values, '{"a":"b"}');
  // A folder of secrets that cannot be made: its name leads nowhere.
  mkdirSync(full);
  writeFileSync(join(full, 'engine.log'), '');
  symlinkSync(join(directory, 'gone', 'below'), join(full, '.gitignore'));
  for (const dir of [file, join(file, 'below'), full]) {
    for (const args of [
      ['secret', 'set', 'x', '--from', file],
      ['register', 'values', values],
      ['sync', directory],
    ]) {
      const { exit, err } = await call([...args, '--dir', dir]);
      const { code, path, fix } = JSON.parse(err).error;
      assert.deepEqual([exit, code, path], [5, 'STORE_FAILED', dir], `${args.join(' ')} ${err}`);
      assert.match(fix, /Give --dir a directory/);
    }
  }
});

test('secret: a folder in the place of one is said to be so, and remove takes it away as the fix says', async (t) => {
  const directory = scratch(t);
  const [file, state] = [join(directory, 'value'), join(directory, 'state')];
  writeFileSync(file, VALUE);
  const secret = (...args: string[]): Promise<{ exit: number; out: string; err: string }> =>
    call(['secret', ...args, '--dir', state]);
  assert.equal((await secret('set', 'uni', '--from', file)).exit, 0);
  assert.equal((await secret('remove', 'uni')).exit, 0);
  mkdirSync(join(state, 'secrets', 'uni', 'below'), { recursive: true });
  const { exit, err } = await secret('set', 'uni', '--from', file);
  const { code, problem, fix } = JSON.parse(err).error;
  assert.deepEqual([exit, code, problem], [2, 'SECRET_UNAVAILABLE', 'is a folder']);
  assert.equal(fix, 'Remove it (waybill secret remove uni), and set the secret again.');
  assert.equal(JSON.parse((await secret('list')).out).fix, fix);
  assert.equal((await secret('remove', 'uni')).exit, 0);
  assert.equal((await secret('set', 'uni', '--from', file)).exit, 0);
});

const spec = (name: string): string => `apiVersion: waybill/v1
kind: Run
metadata: { name: x }
spec:
  items:
    - id: a
      pipeline:
        - { block: script, run: make }
        - block: script
          run: make
          secrets: { KEY: { file: kept }, TOKEN: ${name} }
`;

test('secret: one that no block could be given is told by validate and submit, with its place and what to do', async (t) => {
  const directory = scratch(t);
  const [file, value, state] = [join(directory, 'waybill.yaml'), join(directory, 'value'), join(directory, 'state')];
  writeFileSync(value, VALUE);
  const told = async (verb: string): Promise<[number, string, string, string]> => {
    const { exit, err } = await call([verb, file, '--dir', state]);
    const { code, path, problem, fix } = JSON.parse(err.split('\n')[0] || '{}').error ?? {};
    assert.ok(!err.includes(VALUE));
    return [exit, `${code} ${path}`, problem, fix];
  };
  const place = 'SECRET_UNAVAILABLE spec.items[0].pipeline[1].secrets.TOKEN';
  writeFileSync(file, spec('lost'));
  const unseen = async (): Promise<[number, string[]]> => {
    const { exit, out } = await call(['validate', file, '--dir', state]);
    const { warnings = [] } = JSON.parse(out);
    return [exit, warnings.map((one: { line: number; path: string; problem: string }) => `${one.line} ${one.problem}`)];
  };
  const nobody = (secret: string, why: string): string =>
    `11 nobody looked whether the secret ${secret} is kept: ${state}: ${why}`;
  const absent = 'there is no such directory';
  assert.deepEqual(await unseen(), [0, [nobody('kept', absent), nobody('lost', absent)]]);
  assert.equal((await told('submit'))[1], 'SECRET_UNAVAILABLE spec.items[0].pipeline[1].secrets.KEY');
  assert.equal((await call(['secret', 'set', 'kept', '--from', value, '--dir', state])).exit, 0);
  for (const verb of ['validate', 'submit', 'run']) {
    const [exit, at, problem, fix] = await told(verb);
    assert.deepEqual([exit, at], [2, place], verb);
    assert.deepEqual([problem, fix], ['the secret lost is not there', 'Set it: waybill secret set lost.']);
  }
  writeFileSync(file, spec('kept'));
  assert.deepEqual(await unseen(), [0, []]);
  chmodSync(join(state, 'secrets', 'kept'), 0o644);
  const [, , problem, fix] = await told('validate');
  assert.match(problem, /^the secret kept cannot be given: .*secrets\/kept is open to others \(mode 644\)$/);
  assert.match(
    fix,
    /^Close it \(chmod go= .*secrets\/kept\), or set the secret again; change its value where others may/,
  );
});

const NOT_ROOT = process.getuid?.() !== 0 && 'the control needs root';

test('secret: whether one of another user is kept nobody looks, and validate says so', {
  skip: NOT_ROOT,
}, async (t) => {
  const directory = scratch(t);
  const [file, value, state] = [join(directory, 'waybill.yaml'), join(directory, 'value'), join(directory, 'state')];
  writeFileSync(value, VALUE);
  writeFileSync(file, spec('kept'));
  assert.equal((await call(['secret', 'set', 'kept', '--from', value, '--dir', state])).exit, 0);
  chownSync(join(state, 'secrets'), 12_345, 12_345);
  const { exit, out } = await call(['validate', file, '--dir', state]);
  const problem = `nobody looked whether the secret kept is kept: ${state}: its secrets are not for this user to see`;
  const told = JSON.parse(out).warnings.map((one: { problem: string }) => one.problem);
  assert.deepEqual([exit, told], [0, [problem, problem]]);
});
