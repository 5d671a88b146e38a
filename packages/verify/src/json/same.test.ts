import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalize } from './jcs.ts';
import { isSameJson } from './same.ts';

/** Few enough different ones that two are often the same. */
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0, 1, '', '0', 'a', '__proto__'),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('0', 'a', 'b', '__proto__', 'length'), tie('value'), { maxKeys: 2 }),
  ),
})).value;

test('isSameJson: says of any two values what their canonical forms say', () => {
  let same = 0;
  fc.assert(
    fc.property(value, value, (a, b) => {
      const isSame = canonicalize(a) === canonicalize(b);
      if (isSame) same++;
      assert.equal(isSameJson(a, b), isSame);
      assert.ok(isSameJson(a, JSON.parse(canonicalize(a))));
    }),
    { numRuns: 5000 },
  );
  assert.ok(same > 100, `${same} pairs were the same`);
});

test('isSameJson: neither the order of keys nor an inherited key counts', () => {
  assert.ok(isSameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }));
  assert.ok(!isSameJson({ toString: 1 }, {}));
  assert.ok(!isSameJson({ a: 1 }, { constructor: 1 }));
  assert.ok(!isSameJson([], {}));
  assert.ok(!isSameJson(['a'], { 0: 'a' }));
});
