import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest-word.ts';

const KNOWN = ['dependsOn', 'deadline', 'env', 'locks', 'timeout'];

test('nearest word: a slip of the finger, a swap and another case find the word', () => {
  for (const slip of ['dependOn', 'dependson', 'depends_on', 'depnedsOn'])
    assert.equal(nearest(slip, KNOWN), 'dependsOn', slip);
  assert.equal(nearest('evn', KNOWN), 'env');
  assert.equal(nearest('Lock', KNOWN), 'locks');
});

test('nearest word: a different word finds none, and a long one is not compared', () => {
  for (const word of ['gate', 'x', '', 'when', 'timeout'.repeat(10)]) assert.equal(nearest(word, KNOWN), null, word);
  assert.equal(nearest('x', []), null);
});
