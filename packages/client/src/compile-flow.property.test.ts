/** Whatever a flow says: what comes out is a run spec, without circles, and always the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '@waybill/verify';
import fc from 'fast-check';
import { filesOf, flowOf, partOf } from '../test/flow-sample.ts';
import { flows } from '../test/flow-shapes.ts';
import { placesOf, replaced } from '../test/places.ts';
import { bytesOf } from '../test/run-sample.ts';
import { compile, compileItems, parseRun, type RunSpec } from './compile.ts';
import { compileFlow } from './compile-flow.ts';
import { formatPath } from './spec-issue.ts';

/** Takes away what waits for nothing until nothing is left: told apart from the compiler's own way. */
function isAcyclic({ spec }: RunSpec): boolean {
  const compiled = compileItems({ apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'x' }, spec });
  if (!compiled.ok) return false;
  let left = compiled.items;
  for (;;) {
    const waiting = new Set(left.map(({ id }) => id));
    const next = left.filter(({ deps }) => deps.some((dep) => waiting.has(dep)));
    if (next.length === 0) return true;
    if (next.length === left.length) return false;
    left = next;
  }
}

test('flow: any flow that compiles is a run spec that a control plane takes, and its items form no circle', () => {
  let compiledCount = 0;
  let conditional = 0;
  let total = 0;
  fc.assert(
    fc.property(flows, (flow) => {
      total += 1;
      const result = compileFlow(flow, new Map());
      if (!result.ok) {
        assert.deepEqual(
          result.refusals.filter(({ code }) => !['SPEC_CYCLE', 'SPEC_INVALID', 'SPEC_LIMIT'].includes(code)),
          [],
        );
        return;
      }
      compiledCount += 1;
      conditional += result.run.spec.items.some(({ when }) => when !== undefined) ? 1 : 0;
      const parsed = parseRun(bytesOf(canonicalize(result.run)));
      assert.ok(parsed.ok && compile(parsed.run).ok);
      assert.ok(isAcyclic(parsed.run));
      assert.equal(result.origins.length, parsed.run.spec.items.length);
    }),
    { numRuns: 200 },
  );
  assert.ok(compiledCount > total / 3, `${compiledCount} of ${total} flows compile`);
  assert.ok(conditional > total / 10, `${conditional} of ${total} have conditions`);
});

/** The same document with the keys of every object in another order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, turned(inner)]),
  );
}

test('flow: the same flow gives the same bytes, in whatever order its keys stand', () => {
  fc.assert(
    fc.property(flows, (flow) => {
      const [once, again] = [flow, turned(flow)].map((document) => compileFlow(document, new Map()));
      if (!once?.ok) return assert.equal(again?.ok, false);
      assert.ok(again?.ok);
      assert.equal(canonicalize(again.run), canonicalize(once.run));
      assert.deepEqual(again.origins, once.origins);
    }),
    { numRuns: 100 },
  );
});

/** Every place of a document, by its path. */
test('flow: with any value in any place it compiles or is explained, and nothing is thrown', () => {
  const good = flowOf(
    [
      { id: 'a', agent: 'work', input: 'x', env: { A: 'b' } },
      {
        parallel: [
          {
            loop: { max: 2, body: [{ id: 'b', agent: 'work', needs: { k: { from: 'a', select: { output: 'o' } } } }] },
          },
        ],
      },
      { id: 'g', gate: { run: 'true' }, preset: ['p'] },
    ],
    { include: ['x.yaml'], presets: { p: { timeout: '1m' } } },
  );
  const places = placesOf(good);
  assert.ok(compileFlow(good, filesOf({ 'x.yaml': partOf() })).ok);
  fc.assert(
    fc.property(fc.nat({ max: places.length - 1 }), fc.jsonValue({ maxDepth: 3 }), (place, value) => {
      const path = places[place] ?? [];
      const result = compileFlow(replaced(good, path, value), filesOf({ 'x.yaml': partOf() }));
      if (result.ok) return;
      assert.ok(result.refusals.length > 0, formatPath(path));
      for (const refusal of result.refusals) {
        assert.ok(refusal.path !== '' && refusal.problem !== '' && refusal.fix !== '');
        assert.doesNotMatch(refusal.path + refusal.problem + refusal.fix, /\p{Cc}/u);
      }
    }),
    { numRuns: 1_000 },
  );
});
