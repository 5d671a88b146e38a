/** Conditions, choices and failures that may happen: what is refused, and what the rest compiles to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { item, parsed, refusalsFor, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { compile, compileItems, type PlanItem, planEntries } from './compile.ts';

const CAPTURES = { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] };
const UP = [item('up', CAPTURES), item('other', CAPTURES), item('bare')];
const asking = (when: unknown): unknown => runOf([...UP, item('a', { when })]);
const choosing = (need: object): unknown => runOf([...UP, item('a', { needs: { k: need } })]);
const gated = (gate: object, more: object = {}): unknown => runOf([...UP, { id: 'a', gate, ...more }]);
const atLeast = (n: unknown, of: object[]): object => ({ atLeastOf: { n, of } });
const DONE = { from: 'up', state: 'done' };
const I = 'spec.items[3]';
const VALUE = { from: 'up', output: 'v.json', at: '/ok' };

const REFUSED: [title: string, document: unknown, ...refused: string[]][] = [
  ['a condition on nothing', asking({}), `SPEC_INVALID ${I}.when`],
  ['a condition that is code', asking('up.ok'), `SPEC_INVALID ${I}.when`],
  ['a condition on no item', asking({ state: 'done' }), `SPEC_INVALID ${I}.when`],
  ['a condition that asks nothing', asking({ from: 'up' }), `SPEC_INVALID ${I}.when`],
  ['a state of no item', asking({ from: 'up', state: 'fine' }), `SPEC_INVALID ${I}.when.state`],
  ['a state and a value at once', asking({ ...VALUE, state: 'done', equals: 1 }), `SPEC_INVALID ${I}.when`],
  ['a value without an operator', asking(VALUE), `SPEC_INVALID ${I}.when`],
  ['two operators', asking({ ...VALUE, equals: 1, exists: true }), `SPEC_INVALID ${I}.when`],
  [
    'an operator that is none',
    asking({ ...VALUE, matches: '.*' }),
    `SPEC_UNKNOWN_KEY ${I}.when.matches`,
    `SPEC_INVALID ${I}.when`,
  ],
  ['an order of texts', asking({ ...VALUE, atLeast: 'b' }), `SPEC_INVALID ${I}.when.atLeast`],
  ['a comparison with a list', asking({ ...VALUE, equals: [1] }), `SPEC_INVALID ${I}.when.equals`],
  ['a choice of no values', asking({ ...VALUE, in: [] }), `SPEC_INVALID ${I}.when.in`],
  ['a pointer without its slash', asking({ ...VALUE, at: 'ok', equals: 1 }), `SPEC_INVALID ${I}.when.at`],
  ['an output outside', asking({ ...VALUE, output: '../v', equals: 1 }), `SPEC_INVALID ${I}.when.output`],
  ['all of nothing', asking({ all: [] }), `SPEC_INVALID ${I}.when.all`],
  ['a group beside a test', asking({ all: [{ ...VALUE, equals: 1 }], from: 'up' }), `SPEC_INVALID ${I}.when`],
  [
    'an unknown item deep inside',
    asking({ all: [{ not: { any: [{ from: 'upp', state: 'done' }] } }] }),
    `SPEC_UNKNOWN_REFERENCE ${I}.when.all[0].not.any[0].from`,
  ],
  ['so many of nothing', asking(atLeast(1, [])), `SPEC_INVALID ${I}.when.atLeastOf.of`],
  ['none of some', asking(atLeast(0, [DONE])), `SPEC_LIMIT ${I}.when.atLeastOf.n`],
  ['more of them than there are', asking(atLeast(3, [DONE, DONE])), `SPEC_INVALID ${I}.when.atLeastOf.n`],
  ['one of them twice', asking(atLeast(2, [DONE, { ...DONE }])), `SPEC_INVALID ${I}.when.atLeastOf.of[1]`],
  ['so many beside a test', asking({ ...atLeast(1, [DONE]), ...DONE }), `SPEC_INVALID ${I}.when`],
  [
    'an unknown item among so many',
    asking(atLeast(1, [DONE, { not: { from: 'upp', state: 'done' } }])),
    `SPEC_UNKNOWN_REFERENCE ${I}.when.atLeastOf.of[1].not.from`,
  ],
  ['itself', asking({ from: 'a', state: 'done' }), `SPEC_CYCLE ${I}.when.from`],
  [
    'a value of an item that captures none',
    asking({ ...VALUE, from: 'bare', equals: 1 }),
    `SPEC_INVALID ${I}.when.output`,
  ],
  [
    'a need of one item and of several',
    choosing({ from: 'up', oneOf: ['up', 'other'], select: { output: 'o' } }),
    `SPEC_INVALID ${I}.needs.k`,
  ],
  ['a need of no item', choosing({ select: { output: 'o' } }), `SPEC_INVALID ${I}.needs.k`],
  ['a choice of one', choosing({ oneOf: ['up'], select: { output: 'o' } }), `SPEC_INVALID ${I}.needs.k.oneOf`],
  [
    'a choice of one twice',
    choosing({ oneOf: ['up', 'up'], select: { output: 'o' } }),
    `SPEC_INVALID ${I}.needs.k.oneOf[1]`,
  ],
  [
    'a choice of an unknown item',
    choosing({ oneOf: ['up', 'x'], select: { output: 'o' } }),
    `SPEC_UNKNOWN_REFERENCE ${I}.needs.k.oneOf[1]`,
  ],
  [
    'a choice of one that captures nothing',
    choosing({ oneOf: ['up', 'bare'], select: { output: 'o' } }),
    `SPEC_INVALID ${I}.needs.k.select`,
  ],
  ['an item that does nothing', runOf([...UP, { id: 'a' }]), `SPEC_INVALID ${I}.pipeline`],
  ['a gate with a pipeline', runOf([...UP, item('a', { gate: {} })]), `SPEC_INVALID ${I}.pipeline`],
  ['locks of a gate', gated({}, { locks: ['l'] }), `SPEC_INVALID ${I}.locks`],
  ['a failure of a gate that may happen', gated({}, { onError: 'continue' }), `SPEC_INVALID ${I}.onError`],
  ['a gate of nobody', gated({ reviewers: [] }), `SPEC_INVALID ${I}.gate.reviewers`],
  ['a review of an unknown item', gated({ reviews: ['x'] }), `SPEC_UNKNOWN_REFERENCE ${I}.gate.reviews[0]`],
  ['a review of itself', gated({ reviews: ['a'] }), `SPEC_CYCLE ${I}.gate.reviews[0]`],
  ['a review of what captures nothing', gated({ reviews: ['up', 'bare'] }), `SPEC_INVALID ${I}.gate.reviews[1]`],
  ['a review of one twice', gated({ reviews: ['up', 'up'] }), `SPEC_INVALID ${I}.gate.reviews[1]`],
  ['a review of nothing', gated({ reviews: [] }), `SPEC_INVALID ${I}.gate.reviews`],
  ['a reviewer twice', gated({ reviewers: ['ada', 'bob', 'ada'] }), `SPEC_INVALID ${I}.gate.reviewers[2]`],
  ['a reviewer who is no principal', gated({ reviewers: ['../ada'] }), `SPEC_INVALID ${I}.gate.reviewers[0]`],
  [
    'more approvals than reviewers',
    gated({ approvals: 3, reviewers: ['ada', 'bob'] }),
    `SPEC_INVALID ${I}.gate.approvals`,
  ],
  ['two approvals of whoever submits it', gated({ approvals: 2 }), `SPEC_INVALID ${I}.gate.approvals`],
  ['a gate that passes by itself', gated({ approvals: 0 }), `SPEC_LIMIT ${I}.gate.approvals`],
  [
    'an output of a gate',
    runOf([...UP, { id: 'g', gate: {} }, item('a', { needs: { k: { from: 'g', select: 'patch' } } })]),
    'SPEC_INVALID spec.items[4].needs.k.select',
  ],
  [
    'a course of a single source',
    choosing({ from: 'up', select: { output: 'o' }, onError: 'stop' }),
    `SPEC_INVALID ${I}.needs.k`,
  ],
  [
    'a choice that goes on in its own words',
    choosing({ oneOf: ['up', 'other'], select: { output: 'o' }, onError: 'continue' }),
    `SPEC_INVALID ${I}.needs.k.onError`,
  ],
  ['a course after an error', runOf([...UP, item('a', { onError: 'ignore' })]), `SPEC_INVALID ${I}.onError`],
];

describe('malformed specs: conditions and choices', () => {
  for (const [title, document, ...refused] of REFUSED) {
    test(`refuses ${title}`, () => {
      assert.deepEqual(summary(refusalsFor(document)), refused);
    });
  }
});

function lastOf(document: unknown): PlanItem | undefined {
  const compiled = compileItems(parsed(document));
  return compiled.ok ? compiled.items.at(-1) : undefined;
}

test('compile: what a condition asks is waited for, and its texts are digests', () => {
  const text = digestOf('"yes"');
  const last = lastOf(
    asking({ any: [{ ...VALUE, in: ['yes', 1, 0.5, null] }, { not: { from: 'bare', state: 'failed' } }] }),
  );
  assert.deepEqual(last?.deps, ['bare', 'up']);
  assert.deepEqual(last?.when, {
    any: [{ ...VALUE, op: 'in', value: [text, 1, '0.5', null] }, { not: { from: 'bare', state: 'failed' } }],
  });
});

test('compile: so many of several is kept as it is, and what a gate is about is waited for', () => {
  const quorum = lastOf(asking(atLeast(2, [DONE, { from: 'other', state: 'done' }, { ...VALUE, equals: true }])));
  assert.deepEqual(quorum?.deps, ['other', 'up']);
  const value = { ...VALUE, op: 'equals', value: true };
  assert.deepEqual(quorum?.when, { atLeastOf: { n: 2, of: [DONE, { from: 'other', state: 'done' }, value] } });
  const gate = lastOf(gated({ reviews: ['up', 'other'] }, { dependsOn: ['bare'] }));
  assert.deepEqual(
    [gate?.deps, gate?.gate?.reviews],
    [
      ['bare', 'other', 'up'],
      ['other', 'up'],
    ],
  );
});

test('compile: a choice keeps its order, and a failure that may happen is in the plan', () => {
  const last = lastOf(choosing({ oneOf: ['up', 'other'], select: { output: 'o' } }));
  assert.deepEqual(last?.needs, [{ key: 'k', from: ['up', 'other'], select: { output: 'o' } }]);
  assert.deepEqual(last?.deps, ['other', 'up']);
  const stopping = lastOf(choosing({ oneOf: ['up', 'other'], select: { output: 'o' }, onError: 'stop' }));
  assert.deepEqual(stopping?.needs, [{ key: 'k', from: ['up', 'other'], select: { output: 'o' }, onError: 'stop' }]);
  const courses = ['stop', 'continue'].map((onError) => lastOf(runOf([item('a', { onError })]))?.onError);
  assert.deepEqual(courses, [undefined, 'continue']);
});

test('compile: a gate takes nothing from the defaults, and its entry names nobody', () => {
  const gate = { approvals: 2, reviewers: ['bob', 'ada'], expires: '1h' };
  const defaults = { env: { A: 'x' }, timeout: '1m', priority: 9, retry: { maxAttempts: 3 } };
  const spec = runOf([item('up'), { id: 'a', dependsOn: ['up'], gate }], {
    defaults,
    notBefore: '2027-01-01T00:00:00Z',
  });
  const compiled = compile(parsed(spec));
  if (!compiled.ok) assert.fail();
  const last = compiled.plan.items.at(-1);
  assert.deepEqual(last?.gate, { approvals: 2, reviewers: ['ada', 'bob'], expiresMs: 3_600_000 });
  assert.deepEqual([last?.pipeline, last?.env, last?.priority, last?.notBeforeMs], [[], {}, 50, undefined]);
  const entry = planEntries(compiled.plan).at(-1);
  assert.deepEqual([entry?.gate, entry?.maxAttempts], [{ approvals: 2, reviewers: 2, expiresMs: 3_600_000 }, 1]);
});

test('plan entries: condition and course stand in the first entry of an item, and change the plan', () => {
  const wide = Array.from({ length: 501 }, (_, n) => item(`w${n}`));
  const of = (more: object) => {
    const compiled = compile(parsed(runOf([...wide, item('a', { dependsOn: wide.map(({ id }) => id), ...more })])));
    return compiled.ok ? compiled.plan : assert.fail();
  };
  const plan = of({ when: { from: 'w0', state: 'failed' }, onError: 'continue' });
  const [first, second] = planEntries(plan).slice(-2);
  assert.deepEqual([first?.when, first?.onError], [{ from: 'w0', state: 'failed' }, 'continue']);
  assert.deepEqual([second?.when, second?.onError], [undefined, undefined]);
  assert.notEqual(plan.digest, of({}).digest);
});
