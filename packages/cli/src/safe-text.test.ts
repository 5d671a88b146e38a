import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HOSTILE } from '../test/run-sample.ts';
import { safeBlock, safeCell, safeJson } from './safe-text.ts';

test('safe text: a cell is one line of plain ASCII, whatever it is made from', () => {
  assert.equal(safeCell(HOSTILE), '\\u{1b}[31mred\\u{1b}[2J\\u{a}next\\u{202e}gnp\\u{200b}');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[\x20-\x7e]{0,64}$/.test(safeCell(text))));
});

test('safe text: a cell that is too long shows that it was cut', () => {
  assert.equal(safeCell('abcdef', 4), 'abc~');
  assert.equal(safeCell('abcd', 4), 'abcd');
});

test('safe text: a block keeps its lines and tabs, and shows everything else that cannot be seen', () => {
  assert.equal(safeBlock('a\tb\nc\r\x1b[2J\u202e'), 'a\tb\nc\\u{d}\\u{1b}[2J\\u{202e}');
  assert.equal(safeBlock('Zoë 東京'), 'Zoë 東京');
});

test('safe text: JSON is of the same value, and shows nothing unseen', () => {
  assert.equal(safeJson({ a: '\u202e\u009b\u{e0001}' }), '{"a":"\\u202e\\u009b\\udb40\\udc01"}');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = safeJson({ text });
      return !/[\p{C}\p{Zl}\p{Zp}]/u.test(json) && JSON.parse(json).text === text;
    }),
  );
});
