import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DEMANDS, type Demands, type Facets, readDemands, shortfallsOf, stricterOf } from './facets.ts';

const NOW = { at: '2026-11-21T05:00:00.000Z', by: 'tsa' as const };

function facets(tier: Facets['integrity']['tier'], time: Facets['time']['tier'] = 'asserted'): Facets {
  return {
    integrity: { tier, anchor: null, witnesses: null },
    time: { tier: time, from: NOW, to: NOW },
    completeness: 'run',
    freshness: { attested: null, ageMs: null },
  };
}

test('readDemands: tiers are repeated or joined by commas, and of each facet the stricter one holds', () => {
  assert.deepEqual(readDemands([]), {});
  assert.deepEqual(readDemands(['witnessed,tsa-attested']), { integrity: 'witnessed', time: 'tsa-attested' });
  assert.deepEqual(readDemands(['witnessed', 'tsa-attested']), { integrity: 'witnessed', time: 'tsa-attested' });
  assert.deepEqual(readDemands(['anchored,signed', 'self-consistent']), { integrity: 'anchored' });
  assert.deepEqual(readDemands(['log', 'asserted', 'run']), { completeness: 'log', time: 'asserted' });
});

test('readDemands: a word that means nothing is refused, also the empty one', () => {
  for (const word of ['', 'none', 'blessed', 'signed,', 'Signed', ' signed', '__proto__']) {
    assert.throws(() => readDemands([word]), { code: 'POLICY' }, word);
  }
});

test('stricterOf: neither side can be weakened by the other', () => {
  const strict: Demands = { integrity: 'witnessed', time: 'witnessed', completeness: 'run', maxAgeMs: 5 };
  for (const weak of [
    {},
    DEFAULT_DEMANDS,
    { maxAgeMs: 9 },
    { integrity: 'self-consistent', time: 'asserted' },
  ] as const) {
    assert.deepEqual(stricterOf(strict, weak), strict);
    assert.deepEqual(stricterOf(weak, strict), strict);
  }
  assert.equal(stricterOf({ maxAgeMs: 0 }, { maxAgeMs: null }).maxAgeMs, 0);
});

test('shortfallsOf: witnessed satisfies anchored, a token satisfies witnessed time, and nothing satisfies the unknown', () => {
  const codes = (reached: Facets, demands: Partial<Demands>): string[] =>
    shortfallsOf(reached, { ...DEFAULT_DEMANDS, ...demands }).map(({ code }) => code);
  assert.deepEqual(codes(facets('witnessed'), { integrity: 'anchored' }), []);
  assert.deepEqual(codes(facets('anchored'), { integrity: 'witnessed' }), ['INTEGRITY_BELOW']);
  assert.deepEqual(codes(facets('signed', 'tsa-attested'), { time: 'witnessed' }), []);
  assert.deepEqual(codes(facets('signed', 'witnessed'), { time: 'tsa-attested' }), ['TIME_BELOW']);
  assert.deepEqual(codes(facets('signed'), { completeness: 'log' }), ['COMPLETENESS_BELOW']);
  assert.deepEqual(codes(facets('none'), { integrity: 'self-consistent' }), ['INTEGRITY_BELOW']);
  assert.deepEqual(codes(facets('witnessed'), { integrity: 'notarised' as 'signed' }), ['INTEGRITY_BELOW']);
});
