import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../test/scratch.ts';
import { programWord } from './program-word.ts';

const PROGRAM = resolve(import.meta.dirname, '../bin/waybill.js');
const ROOT = resolve(import.meta.dirname, '../../..');

test('program word: its name where the PATH leads to it, also by a link, and behind folders without it', (t) => {
  const folder = scratch(t);
  symlinkSync(PROGRAM, join(folder, 'waybill'));
  for (const PATH of [folder, ['/usr/bin', folder].join(delimiter)]) assert.equal(programWord({ PATH }), 'waybill');
});

test('program word: a program of the same name that comes first is not taken for it', (t) => {
  const [own, other] = [scratch(t), scratch(t)];
  symlinkSync(PROGRAM, join(own, 'waybill'));
  writeFileSync(join(other, 'waybill'), '');
  assert.notEqual(programWord({ PATH: [other, own].join(delimiter) }), 'waybill');
});

test('program word: what npm puts on the PATH of its scripts is not there for the reader', (t) => {
  const bin = join(scratch(t), 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(PROGRAM, join(bin, 'waybill'));
  assert.equal(programWord({ PATH: bin }), 'waybill');
  assert.notEqual(programWord({ PATH: bin, npm_execpath: 'npm-cli.js' }), 'waybill');
});

test('program word: else a path, short where it is below the current directory, and whole elsewhere', (t) => {
  assert.match(programWord({}, ROOT), /^(node_modules\/\.bin\/waybill|packages\/cli\/bin\/waybill\.js)$/);
  assert.ok(programWord({}, scratch(t)).startsWith(ROOT));
});
