/** Items that become many, written so that they cannot: each refusal has the path of what is to be changed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile, parseRun } from './compile.ts';

const pipeline = [
  { block: 'script', run: 'true' },
  { block: 'capture', what: 'outputs' },
];
const split = { id: 'split', pipeline };
const map = { id: 'map', pipeline, forEach: { from: 'split', outputs: 'shards/' } };
const sum = { id: 'sum', pipeline, needs: { parts: { each: 'map', select: { output: 'sum.json' } } } };

function refusalsOf(items: object[]): string[] {
  const document = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'x' }, spec: { items } };
  const read = parseRun(new TextEncoder().encode(JSON.stringify(document)));
  if (!read.ok) return read.refusals.map(({ code, path }) => `${code} ${path}`);
  const compiled = compile(read.run);
  return compiled.ok ? [] : compiled.refusals.map(({ code, path }) => `${code} ${path}`);
}

const CASES: [title: string, items: object[], refused: string[]][] = [
  [
    'an unknown key',
    [split, { ...map, forEach: { ...map.forEach, over: 1 } }],
    ['SPEC_UNKNOWN_KEY spec.items[1].forEach.over'],
  ],
  ['no beginning', [split, { ...map, forEach: { from: 'split' } }], ['SPEC_INVALID spec.items[1].forEach.outputs']],
  [
    'a beginning that leads elsewhere',
    [split, { ...map, forEach: { from: 'split', outputs: '../' } }],
    ['SPEC_INVALID spec.items[1].forEach.outputs'],
  ],
  [
    'an absolute beginning',
    [split, { ...map, forEach: { from: 'split', outputs: '/' } }],
    ['SPEC_INVALID spec.items[1].forEach.outputs'],
  ],
  ['none allowed', [split, { ...map, forEach: { ...map.forEach, max: 0 } }], ['SPEC_LIMIT spec.items[1].forEach.max']],
  [
    'somebody who is not there',
    [split, { ...map, forEach: { from: 'spilt', outputs: 'x' } }],
    ['SPEC_UNKNOWN_REFERENCE spec.items[1].forEach.from'],
  ],
  ['itself', [{ ...map, forEach: { from: 'map', outputs: 'x' } }], ['SPEC_CYCLE spec.items[0].forEach.from']],
  [
    'one that captures nothing',
    [{ id: 'split', pipeline: pipeline.slice(0, 1) }, map],
    ['SPEC_INVALID spec.items[1].forEach.from'],
  ],
  ['a gate', [{ id: 'split', gate: {} }, map], ['SPEC_INVALID spec.items[1].forEach.from']],
  [
    'one that becomes many itself',
    [split, map, { ...map, id: 'again', forEach: { from: 'map', outputs: 'x' } }],
    ['SPEC_INVALID spec.items[2].forEach.from'],
  ],
  [
    'a gate that becomes many',
    [split, { id: 'map', gate: {}, forEach: map.forEach }],
    ['SPEC_INVALID spec.items[1].forEach'],
  ],
  [
    'an input that is there already',
    [split, { ...map, needs: { item: { from: 'split', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[1].needs.item'],
  ],
  [
    'the same under another key',
    [
      split,
      {
        ...map,
        forEach: { ...map.forEach, as: 'shard' },
        needs: { shard: { from: 'split', select: { output: 'x' } } },
      },
    ],
    ['SPEC_INVALID spec.items[1].needs.shard'],
  ],
  ['an id that one of the many has', [split, map, { id: 'map~2', pipeline }], ['SPEC_DUPLICATE_ID spec.items[2].id']],
  ['an id that leaves no room for theirs', [split, { ...map, id: 'm'.repeat(60) }], ['SPEC_LIMIT spec.items[1].id']],
  [
    'a need from what becomes many',
    [split, map, { ...sum, needs: { x: { from: 'map', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[2].needs.x.from'],
  ],
  [
    'one of several that becomes many',
    [split, map, { ...sum, needs: { x: { oneOf: ['split', 'map'], select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[2].needs.x.oneOf[1]'],
  ],
  [
    'a condition on what becomes many',
    [split, map, { id: 'x', pipeline, when: { from: 'map', output: 'x', exists: true } }],
    ['SPEC_INVALID spec.items[2].when.from'],
  ],
  [
    'each of what stays one',
    [split, { ...sum, needs: { x: { each: 'split', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[1].needs.x.each'],
  ],
  [
    'each of nobody',
    [split, { ...sum, needs: { x: { each: 'none', select: { output: 'x' } } } }],
    ['SPEC_UNKNOWN_REFERENCE spec.items[1].needs.x.each'],
  ],
  [
    'each and one',
    [split, map, { ...sum, needs: { x: { each: 'map', from: 'split', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[2].needs.x'],
  ],
  [
    'each, and to stop',
    [split, map, { ...sum, needs: { x: { each: 'map', onError: 'stop', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[2].needs.x'],
  ],
  [
    'a patch of each, and none is captured',
    [split, map, { ...sum, needs: { x: { each: 'map', select: 'patch' } } }],
    ['SPEC_INVALID spec.items[2].needs.x.select'],
  ],
  [
    'a key that its inputs have no room behind',
    [split, map, { ...sum, needs: { ['k'.repeat(60)]: { each: 'map', select: { output: 'x' } } } }],
    [`SPEC_LIMIT spec.items[2].needs.${'k'.repeat(60)}`],
  ],
  [
    'a key that one of its inputs has',
    [split, map, { ...sum, needs: { ...sum.needs, 'parts.100': { from: 'split', select: { output: 'x' } } } }],
    ['SPEC_INVALID spec.items[2].needs["parts.100"]'],
  ],
];

const READ = { sha256: `sha256:${'0'.repeat(64)}`, sizeBytes: 1 };
const READING: typeof CASES = [
  [
    'a file from outside under its key',
    [split, { ...map, reads: { item: READ } }],
    ['SPEC_INVALID spec.items[1].reads.item'],
  ],
  [
    'a file from outside that one of its inputs is called',
    [split, map, { ...sum, reads: { 'parts.001': READ } }],
    ['SPEC_INVALID spec.items[2].reads["parts.001"]'],
  ],
];

describe('malformed growth', () => {
  for (const [title, items, refused] of [...CASES, ...READING])
    test(`malformed growth: ${title}`, () => assert.deepEqual(refusalsOf(items), refused));
});

test('growth: what is well written is taken, with names that only look alike', () => {
  const others = [
    { id: 'map-2', pipeline },
    { id: 'sum~2', pipeline },
  ];
  const state = { id: 'x', pipeline, when: { from: 'map', state: 'done' } };
  const near = { ...sum, needs: { ...sum.needs, 'parts.101': { from: 'split', select: { output: 'x' } } } };
  assert.deepEqual(refusalsOf([split, map, near, state, ...others]), []);
});
