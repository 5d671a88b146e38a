import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExtensionSketch, readExtension, sketchExtension } from './read-extension.ts';
import { SpecRefused } from './spec-refused.ts';

const read = (text: string): unknown => readExtension(new TextEncoder().encode(text));
const TEXT = `apiVersion: waybill/v1
kind: Extension
spec:
  items:
    - { id: late, dependsOn: [split], pipeline: [{ block: script, run: make }] }
`;

test('read an extension: YAML as its author writes it, whose references only the run can judge', () => {
  const pipeline = [{ block: 'script', run: 'make' }];
  assert.deepEqual(read(TEXT), { items: [{ id: 'late', dependsOn: ['split'], pipeline }] });
});

test('read an extension: a run spec, no items and no document are refused with their paths', () => {
  for (const [text, path] of [
    [TEXT.replace('Extension', 'Run'), 'kind'],
    [TEXT.replace('items', 'item'), 'spec.item'],
    ['a: [', 'document'],
  ] as const) {
    const isTold = (error: unknown): boolean =>
      error instanceof SpecRefused && error.refusals.some((refusal) => refusal.path === path || path === 'document');
    assert.throws(() => read(text), isTold, path);
  }
});

const sketch = (text: string): unknown => sketchExtension(new TextEncoder().encode(text));
const refused = (text: string): string[] => {
  try {
    sketch(text);
  } catch (error) {
    assert.ok(error instanceof SpecRefused);
    return error.refusals.map(({ code, path }) => `${code} ${path}`);
  }
  return [];
};
const withItem = (more: string): string =>
  TEXT.replace('run: make }]', `run: make }, { block: capture, what: patch }], ${more}`);

test('sketch an extension: whom the run must have, and nothing for what is no extension', () => {
  const { items, named } = sketch(withItem('needs: { x: { each: map, select: patch } }')) as ExtensionSketch;
  assert.deepEqual([items.map(({ id, deps }) => [id, deps]), named], [[['late', ['map', 'split']]], ['map', 'split']]);
  for (const text of [TEXT.replace('Extension', 'Run'), 'a: [', '']) assert.equal(sketch(text), null);
});

test('sketch an extension: what no run would take is refused with its path', () => {
  assert.deepEqual(refused(withItem('reads: { x: { path: x } }')), ['SPEC_INVALID spec.items[0].reads']);
  assert.deepEqual(refused(withItem('locks: [l, l]')), ['SPEC_INVALID spec.items[0].locks[1]']);
  assert.deepEqual(refused(withItem('needs: { x: { from: late, select: patch } }')), [
    'SPEC_CYCLE spec.items[0].needs.x.from',
  ]);
  assert.deepEqual(refused(TEXT.replace('Extension', 'extension')), ['SPEC_INVALID kind']);
});

test('read an extension: its outputs are judged like those of a run, and it says no shape', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const [more, path] of [
    ['outputs: { a.json: { kind: json, schema: { pattern: x } } }', 'outputs["a.json"].schema.pattern'],
    [`shape: { name: dev/review, pack: '${digest}', shape: '${digest}' }`, 'shape'],
  ]) {
    const text = TEXT.replace('run: make }]', `run: make }, { block: capture, what: outputs }], ${more}`);
    assert.notEqual(text, TEXT);
    assert.deepEqual(refused(text), [`SPEC_INVALID spec.items[0].${path}`]);
    assert.throws(() => read(text), SpecRefused);
  }
});
