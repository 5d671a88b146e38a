import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EvidenceErrorCode } from '../evidence-error.ts';
import { canonicalize, parseCanonical } from './jcs.ts';

function refuses(act: () => unknown, code: EvidenceErrorCode): void {
  assert.throws(act, { name: 'EvidenceError', code });
}

/** JSON as evidence may carry it. */
const evidence = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

test('canonicalize: what it writes parses back to the same value', () => {
  fc.assert(
    fc.property(evidence, (value) => {
      assert.deepEqual(parseCanonical(canonicalize(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('canonicalize: the order in which keys were set does not matter', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse());
      assert.equal(canonicalize(reversed), canonicalize(object));
    }),
  );
});

test('canonicalize: keys are ordered by UTF-16 code units, numbers among them as text', () => {
  assert.equal(
    canonicalize({ '\ufb33': 1, '\u{1f600}': 2, 10: 3, 9: 4, a: 5 }),
    '{"10":3,"9":4,"a":5,"\u{1f600}":2,"\ufb33":1}',
  );
});

test('canonicalize: refuses what JSON cannot carry instead of dropping or changing it', () => {
  for (const value of [undefined, { a: undefined }, () => 1, 1n, Symbol('a'), new Date(0), new Map(), Buffer.of(1)]) {
    refuses(() => canonicalize(value), 'JSON_VALUE');
  }
  refuses(() => canonicalize('\ud800'), 'JSON_VALUE');
  refuses(() => canonicalize({ 'a\udc00': 1 }), 'JSON_VALUE');
});

test('canonicalize: takes fractions and large numbers only when asked to', () => {
  for (const value of [0.5, 2 ** 53, -(2 ** 53)]) {
    refuses(() => canonicalize(value), 'JSON_VALUE');
    assert.equal(canonicalize(value, { numbers: 'any' }), String(value));
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    refuses(() => canonicalize(value, { numbers: 'any' }), 'JSON_VALUE');
  }
  assert.equal(canonicalize(-0), '0');
});

test('canonicalize: a cycle ends at the depth limit', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  refuses(() => canonicalize(cycle), 'JSON_LIMIT');
});

test('parseCanonical: refuses every other spelling of a document', () => {
  const honest = '{"a":1,"b":["x"]}';
  assert.deepEqual(parseCanonical(honest), { a: 1, b: ['x'] });
  const others = [
    '{"a":1,"a":1,"b":["x"]}',
    '{"b":["x"],"a":1}',
    '{"a": 1,"b":["x"]}',
    '{"a":1.0,"b":["x"]}',
    '{"a":1e0,"b":["x"]}',
    '{"a":1,"b":["\\u0078"]}',
    '{"a":1,"b":["x"]}\n',
    '{"a":-0,"b":["x"]}',
    '{"a":9007199254740993,"b":["x"]}',
  ];
  for (const other of others) assert.throws(() => parseCanonical(other), { name: 'EvidenceError' }, other);
});

test('parseCanonical: refuses bytes that are not UTF-8, a byte order mark and escaped lone surrogates', () => {
  refuses(() => parseCanonical(Buffer.from('22ff22', 'hex')), 'JSON_SYNTAX');
  refuses(() => parseCanonical(Buffer.from('\ufeff1')), 'JSON_SYNTAX');
  refuses(() => parseCanonical(Buffer.from('22eda08022', 'hex')), 'JSON_SYNTAX');
  refuses(() => parseCanonical('"\\ud800"'), 'JSON_VALUE');
});

test('parseCanonical: the depth and node limits are exact', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.ok(parseCanonical(nested(32)));
  refuses(() => parseCanonical(nested(33)), 'JSON_LIMIT');
  refuses(() => parseCanonical(nested(100_000)), 'JSON_LIMIT');
  const list = (length: number): string => `[${Array(length).fill('0').join(',')}]`;
  assert.ok(parseCanonical(list(99), { maxNodes: 100 }));
  refuses(() => parseCanonical(list(100), { maxNodes: 100 }), 'JSON_LIMIT');
});
