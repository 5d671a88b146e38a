/** Whatever a flow says: what comes out is a run spec, without circles, and always the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '@waybill/verify';
import fc from 'fast-check';
import { filesOf, flowOf, partOf } from '../test/flow-sample.ts';
import { bytesOf } from '../test/run-sample.ts';
import { compile, compileItems, parseRun, type RunSpec } from './compile.ts';
import { compileFlow } from './compile-flow.ts';
import { formatPath } from './spec-issue.ts';

type Written = Record<string, unknown>;

interface Leaf {
  kind: 'agent' | 'gate';
  /** Chooses what it needs, among tasks before it and now and then anywhere. */
  needs: { pick: number; isAnywhere: boolean; isOfRoundBefore: boolean }[];
  timeout: boolean;
}

type Shape =
  | Leaf
  | { kind: 'sequential' | 'parallel'; children: Shape[] }
  | { kind: 'loop'; max: number; children: Shape[] };

const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const children = fc.array(tie('shape'), { minLength: 1, maxLength: 4 });
  const need = fc.record({
    pick: fc.nat(),
    isAnywhere: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    isOfRoundBefore: fc.boolean(),
  });
  return {
    shape: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.record<Leaf>({
        kind: fc.constantFrom('agent', 'gate'),
        needs: fc.array(need, { maxLength: 2 }),
        timeout: fc.boolean(),
      }),
      fc.record({ kind: fc.constantFrom<'sequential' | 'parallel'>('sequential', 'parallel'), children }),
      fc.record({ kind: fc.constant<'loop'>('loop'), max: fc.integer({ min: 1, max: 3 }), children }),
    ),
  };
});

/** Writes the shapes down as tasks; loops around each leaf are known by their paths. */
function written(shapes: readonly Shape[]): Written[] {
  const ids: { id: string; loops: string[] }[] = [];
  const total = countOf(shapes);
  const write = (one: Shape, path: string, loops: string[]): Written => {
    if (one.kind === 'loop') {
      const within = [...loops, path];
      return { loop: { max: one.max, body: one.children.map((child, n) => write(child, `${path}.${n}`, within)) } };
    }
    if ('children' in one) {
      return { [one.kind]: one.children.map((child, n) => write(child, `${path}.${n}`, loops)) };
    }
    const id = `t${ids.length}`;
    ids.push({ id, loops });
    const work = one.kind === 'gate' ? { gate: { run: 'true', capture: ['outputs'] } } : { agent: 'work' };
    const needs = one.needs.flatMap(({ pick, isAnywhere, isOfRoundBefore }, n) => {
      const from = ids[pick % ids.length];
      if (from === undefined || (from.id === id && !isOfRoundBefore)) return [];
      const hasRound = isOfRoundBefore && from.loops.some((loop) => loops.includes(loop));
      const chosen = isAnywhere ? `t${pick % total}` : from.id;
      if (isOfRoundBefore && !hasRound && from.id === id) return [];
      return [[`n${n}`, { from: chosen, select: { output: 'o' }, ...(hasRound ? { round: 'previous' } : {}) }]];
    });
    return { id, ...work, ...(one.timeout ? { timeout: '1m' } : {}), needs: Object.fromEntries(needs) };
  };
  return shapes.map((one, n) => write(one, String(n), []));
}

function countOf(shapes: readonly Shape[]): number {
  return shapes.reduce((sum, one) => sum + ('children' in one ? countOf(one.children) : 1), 0);
}

const flows = fc.array(shape, { minLength: 1, maxLength: 5 }).map((shapes) => flowOf(written(shapes)));

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
  let total = 0;
  fc.assert(
    fc.property(flows, (flow) => {
      total += 1;
      const result = compileFlow(flow, new Map());
      if (!result.ok) {
        assert.ok(result.refusals.every(({ code }) => code === 'SPEC_CYCLE' || code === 'SPEC_INVALID'));
        return;
      }
      compiledCount += 1;
      const parsed = parseRun(bytesOf(canonicalize(result.run)));
      assert.ok(parsed.ok && compile(parsed.run).ok);
      assert.ok(isAcyclic(parsed.run));
      assert.equal(result.origins.length, parsed.run.spec.items.length);
    }),
    { numRuns: 200 },
  );
  assert.ok(compiledCount > total / 2, `${compiledCount} of ${total} flows compile`);
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
function placesOf(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((inner, n) => [n, inner] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, inner]) => placesOf(inner, [...path, key]))];
}

function replaced(value: unknown, path: readonly PropertyKey[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((inner, n) => (n === key ? replaced(inner, rest, by) : inner));
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.map(([name, inner]) => [name, name === key ? replaced(inner, rest, by) : inner]));
}

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
