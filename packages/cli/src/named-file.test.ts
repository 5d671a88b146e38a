import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, scratch } from '../test/scratch.ts';

const WAYBILL = join(import.meta.dirname, '..', 'bin', 'waybill.js');

test('named file: a spec without an end is refused by its size', {
  skip: !existsSync('/dev/zero') && 'needs /dev/zero',
}, async () => {
  const { exit, err } = await call(['validate', '/dev/zero']);
  assert.deepEqual([exit, JSON.parse(err).error.code], [2, 'SPEC_TOO_LARGE']);
});

test('named file: of a deployment file without an end no more is read than tells that it is too long', {
  skip: !existsSync('/dev/zero') && 'needs /dev/zero',
}, () => {
  for (const verb of [['runs'], ['doctor', '--deployed']]) {
    const args = [...verb, ...(verb[1] === undefined ? ['--target', 'aws'] : []), '--deployment', '/dev/zero'];
    const { status, stderr } = spawnSync(process.execPath, [WAYBILL, ...args], { timeout: 20_000, encoding: 'utf8' });
    assert.equal(status, 4, stderr);
    const { code, path, problem, fix } = JSON.parse(stderr).error;
    assert.deepEqual([code, path], ['DEPLOYMENT_INVALID', '/dev/zero: document']);
    assert.match(`${problem}. ${fix}`, /more than \d+ bytes.*deployment pull/);
  }
});

test('named file: of a secret and of an answer without an end no more is read than tells that it is too long', {
  skip: !existsSync('/dev/zero') && 'needs /dev/zero',
}, (t) => {
  const state = join(scratch(t), 'state');
  for (const [line, said] of [
    ['secret set x --from /dev/zero', /^has more than 32768 bytes$/],
    ['secret set x < <(yes)', /^has more than 32768 bytes$/],
    ['answer latest a --file /dev/zero', /^it holds more than the 16384 characters of an answer$/],
  ] as const) {
    const shell = `"${process.execPath}" "${WAYBILL}" --dir "${state}" ${line}`;
    const { status, stderr } = spawnSync('bash', ['-c', shell], { timeout: 20_000, encoding: 'utf8' });
    assert.equal(status, 4, line);
    assert.match(JSON.parse(stderr).error.problem, said);
  }
  assert.ok(!existsSync(state));
});

test('named file: a pipe that nobody may ever write to is refused, and one of a shell is read', async (t) => {
  const pipe = join(scratch(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const keys = join(import.meta.dirname, 'none');
  for (const [code, ...args] of [
    ['FILE_UNREADABLE', 'validate', pipe],
    ['FILE_UNREADABLE', 'secret', 'set', 'x', '--from', pipe],
    ['FILE_UNREADABLE', 'answer', 'latest', 'a', '--file', pipe],
    ['FILE_UNREADABLE', 'runs', '--target', 'aws', '--deployment', pipe],
    ['FILE_UNREADABLE', 'audit', 'verify', pipe],
    ...['keys', 'policy', 'state'].map((flag) => ['USAGE', 'audit', 'verify', keys, `--${flag}`, pipe]),
  ]) {
    const refused = spawnSync(process.execPath, [WAYBILL, ...args], { timeout: 20_000, encoding: 'utf8' });
    assert.equal(refused.status, 4, args.join(' '));
    const { error } = JSON.parse(refused.stderr);
    assert.equal(error.code, code);
    assert.match(error.problem, /it is a pipe, not a file$/);
  }
  const shell = `"${process.execPath}" "${WAYBILL}" validate <(echo '{')`;
  const read = spawnSync('bash', ['-c', shell], { timeout: 20_000, encoding: 'utf8' });
  assert.deepEqual([read.status, JSON.parse(read.stderr).error.code], [3, 'SPEC_SYNTAX']);
});
