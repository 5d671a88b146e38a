import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONTROL_LIMITS } from '@waybill/client/limits';
import { call, scratch } from '../../test/scratch.ts';

test('answer: what is no answer is refused with its path, what it is, and what to give instead', async (t) => {
  const directory = scratch(t);
  const [folder, empty, line, odd] = ['folder', 'empty', 'line', 'odd'].map((name) => join(directory, name));
  mkdirSync(folder ?? '');
  writeFileSync(empty ?? '', '');
  writeFileSync(line ?? '', '\n');
  writeFileSync(odd ?? '', Buffer.from([0xff]));
  const long = join(directory, 'long');
  writeFileSync(long, `${'\u20ac'.repeat(CONTROL_LIMITS.answerChars)}x`);
  const gone = join(directory, 'gone');
  for (const [args, path, problem] of [
    [['--file', folder], folder, /^it is a directory$/],
    [['--file', gone], gone, /^there is no such file/],
    [['--file', odd], odd, /not UTF-8/],
    [['--file', empty], empty, /empty/],
    [['--file', line], line, /empty/],
    [['--file', long], long, /^it holds more than the 16384 characters/],
  ] as const) {
    const { exit, err } = await call(['answer', 'latest', 'a', ...args.map(String), '--dir', join(directory, 'state')]);
    const { error } = JSON.parse(err);
    assert.deepEqual([exit, error.path], [4, path], args.join(' '));
    assert.match(error.problem, problem);
    assert.notEqual(error.fix, '');
  }
});
