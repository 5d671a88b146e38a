import assert from 'node:assert/strict';
import { test } from 'node:test';
import { item, parsed, refusalsFor, runOf, summary } from '../test/run-sample.ts';
import { compile } from './compile.ts';
import type { Plan } from './plan.ts';
import { microUsdOf } from './spec-money.ts';

function planOf(document: unknown): Plan {
  const compiled = compile(parsed(document));
  assert.ok(compiled.ok);
  return compiled.plan;
}

test('spec: money is written in dollars and planned in whole micro-USD', () => {
  const items = [item('a', { maxUsd: 0.1 }), item('b'), item('c', { maxUsd: 0 })];
  const plan = planOf(runOf(items, { caps: { usd: 5.000001 }, defaults: { maxUsd: 0.3 } }));
  assert.equal(plan.capMicroUsd, 5_000_001);
  assert.deepEqual(
    plan.items.map(({ maxMicroUsd }) => maxMicroUsd),
    [100_000, 300_000, 0],
  );
  assert.equal(planOf(runOf([item('a')])).items[0]?.maxMicroUsd, undefined);
});

test('spec: every sum of up to six decimals is kept to the micro-USD', () => {
  for (let micro = 1; micro < 1_000_000_000_000; micro = micro * 3 + 7) {
    assert.equal(microUsdOf(Number((micro / 1_000_000).toFixed(6))), micro);
  }
});

test('spec: what is no sum, or more than the whole run may cost, is refused with its path', () => {
  const cases: [unknown, string][] = [
    [runOf([item('a', { maxUsd: 0.0000001 })]), 'SPEC_INVALID spec.items[0].maxUsd'],
    [runOf([item('a', { maxUsd: -1 })]), 'SPEC_LIMIT spec.items[0].maxUsd'],
    [runOf([item('a', { maxUsd: '1' })]), 'SPEC_INVALID spec.items[0].maxUsd'],
    [runOf([item('a')], { caps: { usd: 1.0000005 } }), 'SPEC_INVALID spec.caps.usd'],
    [runOf([item('a'), item('b', { maxUsd: 2 })], { caps: { usd: 1 } }), 'SPEC_INVALID spec.items[1].maxUsd'],
    [runOf([item('a')], { caps: { usd: 1 }, defaults: { maxUsd: 2 } }), 'SPEC_INVALID spec.defaults.maxUsd'],
    [
      runOf([item('a'), item('b', { maxUsd: 2 })], { caps: { usd: 1 }, defaults: { maxUsd: 2 } }),
      'SPEC_INVALID spec.caps.usd',
    ],
    [runOf([{ id: 'a', gate: {}, maxUsd: 1 }]), 'SPEC_INVALID spec.items[0].maxUsd'],
  ];
  for (const [spec, refused] of cases) assert.deepEqual(summary(refusalsFor(spec)), [refused]);
  assert.deepEqual(refusalsFor(runOf([item('a', { maxUsd: 1 })], { caps: { usd: 1 } })), []);
});

test('spec: many items over the cap of the run are one refusal at the cap, with the largest and their number', () => {
  const items = Array.from({ length: 300 }, (_, n) => item(`i${n}`, { maxUsd: n === 7 ? 2 : 1 }));
  const refusals = refusalsFor(runOf([...items, item('fits', { maxUsd: 0.5 })], { caps: { usd: 0.5 } }));
  assert.deepEqual(summary(refusals), ['SPEC_INVALID spec.caps.usd']);
  assert.equal(
    refusals[0]?.problem,
    'an attempt of i7 may cost 2 USD, the whole run 0.5; 300 items cost more than the run may',
  );
});
