import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathTextProblem } from './path-text.ts';

test('path text: what cannot be seen or turns the line around is refused, by its code point', () => {
  const edges = [
    0x00, 0x1f, 0x7f, 0x80, 0x9f, 0xad, 0x61c, 0x200b, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff,
    0xd800, 0xdfff,
  ];
  for (const point of edges) {
    const shown = point.toString(16).toUpperCase().padStart(4, '0');
    assert.equal(pathTextProblem(`a${String.fromCodePoint(point)}b`), `holds the character U+${shown}`);
  }
});

test('path text: their neighbours, private use, unassigned and astral characters are let through', () => {
  const edges = [
    0x20, 0x7e, 0xa0, 0xac, 0xae, 0x200a, 0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0xe000, 0xfefe, 0xff00, 0x378,
    0x1f600,
  ];
  for (const point of edges)
    assert.equal(pathTextProblem(`a${String.fromCodePoint(point)}b`), null, point.toString(16));
});

test('path text: from one to 1,024 code points', () => {
  assert.equal(pathTextProblem(''), 'is empty');
  for (const char of ['x', '\u{1f600}']) {
    assert.equal(pathTextProblem(char.repeat(1_024)), null);
    assert.equal(pathTextProblem(char.repeat(1_025)), 'is longer than 1024 characters');
  }
});
