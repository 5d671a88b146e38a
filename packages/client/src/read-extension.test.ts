import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExtensionSketch, readExtension, sketchExtension } from './read-extension.ts';
import { SpecRefused } from './spec-refused.ts';

const read = async (text: string): Promise<unknown> =>
  (await readExtension(new TextEncoder().encode(text), import.meta.dirname)).addition;
const TEXT = `apiVersion: waybill/v1
kind: Extension
spec:
  items:
    - { id: late, dependsOn: [split], pipeline: [{ block: script, run: make }] }
`;

test('read an extension: YAML as its author writes it, whose references only the run can judge', async () => {
  const pipeline = [{ block: 'script', run: 'make' }];
  assert.deepEqual(await read(TEXT), { items: [{ id: 'late', dependsOn: ['split'], pipeline }] });
});

test('read an extension: a run spec, no items and no document are refused with their paths', async () => {
  for (const [text, path] of [
    [TEXT.replace('Extension', 'Run'), 'kind'],
    [TEXT.replace('items', 'item'), 'spec.item'],
    ['a: [', 'document'],
  ] as const) {
    const isTold = (error: unknown): boolean =>
      error instanceof SpecRefused && error.refusals.some((refusal) => refusal.path === path || path === 'document');
    await assert.rejects(read(text), isTold, path);
  }
});

const sketch = (text: string): Promise<unknown> => sketchExtension(new TextEncoder().encode(text), import.meta.dirname);
const refused = async (text: string): Promise<string[]> => {
  try {
    await sketch(text);
  } catch (error) {
    assert.ok(error instanceof SpecRefused);
    return error.refusals.map(({ code, path }) => `${code} ${path}`);
  }
  return [];
};
const withItem = (more: string): string =>
  TEXT.replace('run: make }]', `run: make }, { block: capture, what: patch }], ${more}`);

test('sketch an extension: whom the run must have, and nothing for what is no extension', async () => {
  const { items, named } = (await sketch(withItem('needs: { x: { each: map, select: patch } }'))) as ExtensionSketch;
  assert.deepEqual([items.map(({ id, deps }) => [id, deps]), named], [[['late', ['map', 'split']]], ['map', 'split']]);
  for (const text of [TEXT.replace('Extension', 'Run'), 'a: [', '']) assert.equal(await sketch(text), null);
});

test('sketch an extension: what no run would take is refused with its path', async () => {
  assert.deepEqual(await refused(withItem('locks: [l, l]')), ['SPEC_INVALID spec.items[0].locks[1]']);
  assert.deepEqual(await refused(withItem('needs: { x: { from: late, select: patch } }')), [
    'SPEC_CYCLE spec.items[0].needs.x.from',
  ]);
  assert.deepEqual(await refused(TEXT.replace('Extension', 'extension')), ['SPEC_INVALID kind']);
});

test('read an extension: its outputs are judged like those of a run, and it says no shape', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const [more, path] of [
    ['outputs: { a.json: { kind: json, schema: { pattern: x } } }', 'outputs["a.json"].schema.pattern'],
    [`shape: { name: dev/review, pack: '${digest}', shape: '${digest}' }`, 'shape'],
  ]) {
    const text = TEXT.replace('run: make }]', `run: make }, { block: capture, what: outputs }], ${more}`);
    assert.notEqual(text, TEXT);
    assert.deepEqual(await refused(text), [`SPEC_INVALID spec.items[0].${path}`]);
    await assert.rejects(read(text), SpecRefused);
  }
});

const USING = TEXT.replace(
  'pipeline: [{ block: script, run: make }] }',
  'uses: data/aggregate, with: { by: region, measures: count }, needs: { table.csv: { from: split, select: { output: t.csv } } } }',
);

test('read an extension: an item that uses a shape is what the shape says, with its files', async () => {
  const { addition, packFiles } = await readExtension(new TextEncoder().encode(USING), import.meta.dirname);
  const [item] = addition.items;
  assert.deepEqual([item?.shape?.name, item?.env?.PARAM_BY, item?.dependsOn], ['data/aggregate', 'region', ['split']]);
  assert.ok(packFiles.size > 0);
  const given = Object.values(item?.reads ?? {}).map((one) => ('sha256' in one ? one.sha256 : ''));
  assert.deepEqual(given.toSorted(), [...packFiles.keys()].toSorted());
  const { named } = (await sketch(USING)) as ExtensionSketch;
  assert.deepEqual(named, ['split']);
});

test('read an extension: what is wrong with a use is told where its author wrote it', async () => {
  assert.deepEqual(await refused(USING.replace('data/aggregate', 'data/agregate')), [
    'SPEC_UNKNOWN_REFERENCE spec.items[0].uses',
  ]);
  assert.deepEqual(await refused(USING.replace('measures: count', 'measure: count')), [
    'SPEC_INVALID spec.items[0].with.measure',
  ]);
  assert.deepEqual(await refused(USING.replace('data/aggregate', './nowhere/aggregate')), [
    'SOURCE_UNRESOLVED spec.items[0].uses',
  ]);
});
