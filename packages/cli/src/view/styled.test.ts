import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { paintLine, paintLines, toned } from './styled.ts';
import { tableLines } from './table.ts';

test('styled: without colour a line is its text', () => {
  assert.equal(paintLine([toned('good', 'ok'), ' then ', toned('bad', 'no')], { colour: false }), 'ok then no');
});

test('styled: a line is cut by what is seen, not by the bytes that paint it', () => {
  const painted = paintLine([toned('good', 'abc'), 'def'], { colour: true, columns: 4 });
  assert.equal(stripVTControlCharacters(painted), 'abcd');
  assert.notEqual(painted, 'abcd');
});

test('table: columns are as wide as their widest cell, and columns without content are left out', () => {
  const lines = tableLines(
    ['A', 'EMPTY', 'B'],
    [
      [{ text: 'long cell' }, { text: '' }, { text: 'x', tone: 'good' }],
      [{ text: 's' }, { text: '' }, { text: 'y' }],
    ],
  );
  assert.equal(paintLines(lines, { colour: false }), 'A          B\nlong cell  x\ns          y\n');
});
