import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, runOf, SCRIPT } from '../test/run-sample.ts';
import { LIMITS } from './limits.ts';
import { readSpec } from './read-spec.ts';
import { SpecRefused } from './spec-refused.ts';

const OUTPUTS = { block: 'capture', what: 'outputs' } as const;
const VERDICT = {
  type: 'object',
  required: ['approved'],
  properties: {
    approved: { type: 'boolean' },
    findings: { type: 'array', items: { type: 'object', properties: { line: { type: 'integer' } } } },
    by: { anyOf: [{ type: 'object', properties: { name: {} } }, { type: 'string' }] },
    more: { type: 'object', additionalProperties: true, properties: { known: {} } },
  },
};
const maker = (outputs?: object): Record<string, unknown> => ({
  id: 'made',
  pipeline: [SCRIPT, OUTPUTS],
  ...(outputs === undefined ? {} : { outputs }),
});
const taking = (uses: string, key: string, output: string): object => ({
  id: 'taken',
  uses,
  needs: { [key]: { from: 'made', select: { output } } },
});
const asking = (at: string, output = 'verdict.json'): object => ({
  id: 'asked',
  when: { from: 'made', output, at, exists: true },
  pipeline: [SCRIPT],
});
const JUDGED = { 'verdict.json': { kind: 'json', schema: VERDICT }, 'table.csv': { kind: 'csv' } };

async function refusalsOf(...items: object[]): Promise<string[]> {
  const refused = await readSpec(bytesOf(runOf(items)), '.').catch((error: unknown) => error);
  if (!(refused instanceof SpecRefused)) return refused instanceof Error ? [refused.message] : [];
  return refused.refusals.map(({ path, problem, fix }) => `${path}: ${problem} | ${fix}`);
}

describe('types between items', () => {
  it('fit where both say the same, and where one says nothing', async () => {
    assert.deepEqual(await refusalsOf(maker(JUDGED), taking('data/transform', 'table.csv', 'table.csv')), []);
    assert.deepEqual(await refusalsOf(maker(), taking('data/transform', 'table.csv', 'table.csv')), []);
  });

  it('are not those that every object has', async () => {
    const [refused, ...others] = await refusalsOf(maker(JUDGED), asking('/x', 'constructor'));
    assert.match(refused ?? '', /declares no output "constructor"/);
    assert.deepEqual(others, []);
  });

  it('that differ are refused where the one is taken, with the adapter that bridges them', async () => {
    const [refused, ...others] = await refusalsOf(
      maker(JUDGED),
      taking('data/transform-jsonl', 'rows.jsonl', 'table.csv'),
    );
    assert.deepEqual(others, []);
    assert.match(
      refused ?? '',
      /^spec\.items\[1\]\.needs\["rows\.jsonl"\]\.select: "made" leaves csv, and the shape takes jsonl \| .*`uses: data\/csv-to-jsonl`/,
    );
    const adapter = {
      id: 'between',
      uses: 'data/csv-to-jsonl',
      needs: { 'table.csv': { from: 'made', select: { output: 'table.csv' } } },
    };
    const behind = {
      id: 'taken',
      uses: 'data/transform-jsonl',
      needs: { 'rows.jsonl': { from: 'between', select: { output: 'rows.jsonl' } } },
    };
    assert.deepEqual(await refusalsOf(maker(JUDGED), adapter, behind), []);
  });

  it('are judged for each of many, and for a patch', async () => {
    const each = {
      id: 'part',
      uses: 'data/split-jsonl',
      forEach: { from: 'made', outputs: 'parts/', as: 'rows.jsonl' },
    };
    const [refused] = await refusalsOf(maker({ 'parts/': { kind: 'csv' } }), each);
    assert.match(refused ?? '', /^spec\.items\[1\]\.forEach\.outputs: "made" leaves csv, and the shape takes jsonl/);
    assert.deepEqual(await refusalsOf(maker({ 'parts/': { kind: 'jsonl' } }), each), []);
    const short = { ...each, forEach: { ...each.forEach, outputs: 'par' } };
    assert.deepEqual(await refusalsOf(maker({ 'parts/': { kind: 'jsonl' } }), short), []);
  });

  it('are of outputs that are declared, where any are', async () => {
    const [refused] = await refusalsOf(maker(JUDGED), taking('data/transform', 'table.csv', 'tabel.csv'));
    assert.match(refused ?? '', /\.select: the item "made" declares no output "tabel\.csv" \| Write `table\.csv`\.$/);
  });

  for (const [what, schema, says] of [
    ['of another type', { type: 'array' }, /the value is array, not object/],
    [
      'whose members are of another type',
      { ...rangeSchema(), properties: { from: { type: 'string' } } },
      /\/from is string, not integer/,
    ],
    [
      'that may lack what is demanded',
      { type: 'object', properties: { from: { type: 'integer' } } },
      /\/from may be missing/,
    ],
  ] as const) {
    it(`with schemas ${what} are refused`, async () => {
      const table = { sha256: `sha256:${'a'.repeat(64)}`, sizeBytes: 1 };
      const taken = {
        id: 'taken',
        uses: 'data/aggregate',
        reads: { 'table.csv': table },
        needs: { 'range.json': { from: 'made', select: { output: 'r.json' } } },
      };
      const [refused] = await refusalsOf(maker({ 'r.json': { kind: 'json', schema } }), taken);
      assert.match(refused ?? 'nothing is refused', says);
      assert.deepEqual(await refusalsOf(maker({ 'r.json': { kind: 'json', schema: rangeSchema() } }), taken), []);
    });
  }
});

describe('conditions on typed outputs', () => {
  for (const at of ['', '/approved', '/findings/0/line', '/by/name', '/more/anything', '/more/known'])
    it(`ask ${at === '' ? 'the whole' : at}, which the schema has`, async () => {
      assert.deepEqual(await refusalsOf(maker(JUDGED), asking(at)), []);
    });

  for (const [at, says] of [
    [
      '/aproved',
      /^spec\.items\[1\]\.when\.at: the schema of "verdict\.json" has no "aproved" there \| Write `approved`\.$/,
    ],
    ['/approved/by', /has no "by" there/],
    ['/findings/0/column', /has no "column" there \| It has line\./],
    ['/by/age', /has no "age" there/],
  ] as const)
    it(`are refused at ${at}, which it does not have`, async () => {
      const [refused] = await refusalsOf(maker(JUDGED), asking(at));
      assert.match(refused ?? 'nothing is refused', says);
    });

  it('are refused of a table, and of an output that is not declared', async () => {
    assert.match(
      (await refusalsOf(maker(JUDGED), asking('', 'table.csv')))[0] ?? '',
      /"table\.csv" is csv, and a condition asks JSON/,
    );
    assert.match((await refusalsOf(maker(JUDGED), asking('', 'x.json')))[0] ?? '', /declares no output "x\.json"/);
    assert.deepEqual(await refusalsOf(maker(), asking('/whatever', 'x.json')), []);
  });

  it('are told by their places in a flow', async () => {
    const tasks = [
      { id: 'made', uses: 'data/index', reads: { 'table.csv': { path: 'x' } } },
      { id: 'asked', agent: 'a', when: { from: 'made', output: 'parts/part-001.json', at: '/rowz', exists: true } },
    ];
    const flow = {
      apiVersion: 'waybill/v1',
      kind: 'Flow',
      metadata: { name: 'f' },
      agents: { a: { run: 'true' } },
      tasks,
    };
    const refused = await readSpec(bytesOf(flow), '.').catch((error: unknown) => error);
    assert.ok(refused instanceof SpecRefused);
    assert.deepEqual(
      refused.refusals.map(({ path, fix }) => [path, fix]),
      [['tasks[1].when', 'Write `rows`.']],
    );
  });
});

describe('outputs that an item declares itself', () => {
  it('are no more than a plan entry has room for', async () => {
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`o${n}`, { kind: 'text' }]));
    assert.deepEqual(await refusalsOf(maker(many(LIMITS.typedOutputs))), []);
    assert.match((await refusalsOf(maker(many(LIMITS.typedOutputs + 1))))[0] ?? '', /^spec\.items\[0\]\.outputs: /);
  });

  for (const [what, outputs, path] of [
    [
      'a schema with a pattern',
      { 'a.json': { kind: 'json', schema: { pattern: 'a' } } },
      /^spec\.items\[0\]\.outputs\["a\.json"\]\.schema\.pattern: /,
    ],
    ['a schema of a table', { 'a.csv': { kind: 'csv', schema: {} } }, /\["a\.csv"\]\.schema: only JSON has a schema/],
    ['a patch under another name', { 'a.diff': { kind: 'patch' } }, /\["a\.diff"\]\.kind: /],
    ['a patch that is not captured', { patch: { kind: 'patch' } }, /\.patch: the item captures no patch/],
  ] as const)
    it(`are refused with ${what}`, async () => {
      assert.match((await refusalsOf(maker(outputs)))[0] ?? 'nothing is refused', path);
    });
});

function rangeSchema(): object {
  return {
    type: 'object',
    required: ['from', 'to', 'rows'],
    properties: { from: { type: 'integer' }, to: {}, rows: {} },
  };
}
