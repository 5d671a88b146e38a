import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS, limitsOf, type ReadLimits } from './read-limits.ts';

test('limitsOf: what bounds only the cost of reading can be raised, what belongs to the format can only be lowered', () => {
  const raisable = new Set<string>(['fileBytes', 'lineBytes']);
  for (const [name, value] of Object.entries(DEFAULT_LIMITS) as [keyof ReadLimits, number][]) {
    assert.equal(limitsOf({ [name]: value - 1 })[name], value - 1);
    if (raisable.has(name)) assert.equal(limitsOf({ [name]: value + 1 })[name], value + 1);
    else assert.throws(() => limitsOf({ [name]: value + 1 }), { code: 'POLICY' }, name);
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => limitsOf({ [name]: wrong }), { code: 'POLICY' }, `${name} ${wrong}`);
    }
  }
});
