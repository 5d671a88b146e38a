import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from '#crypto';
import { digestOf } from '../crypto/digest.ts';
import { type ReuseFacts, reuseKey } from './reuse.ts';

const FACTS: ReuseFacts = {
  recipe: digestOf('recipe'),
  executable: digestOf('image'),
  isolation: 'container',
  source: digestOf('source'),
  inputs: [
    { key: 'a', sha256: digestOf('a') },
    { key: 'b', sha256: digestOf('b') },
  ],
};

test('reuse: the key is the documented hash, and the order of inputs is no part of it', () => {
  const { recipe, executable, isolation, source, inputs } = FACTS;
  const listed = inputs.map(({ key, sha256 }) => `{"key":"${key}","sha256":"${sha256}"}`).join(',');
  const text = `{"executable":"${executable}","inputs":[${listed}],"isolation":"${isolation}","recipe":"${recipe}","source":"${source}"}`;
  assert.equal(reuseKey(FACTS), `sha256:${sha256Hex(`waybill-reuse/v1\n${text}`)}`);
  assert.equal(reuseKey({ ...FACTS, inputs: inputs.toReversed() }), reuseKey(FACTS));
});

test('reuse: each part makes another key by itself', () => {
  const [a, b] = FACTS.inputs as [ReuseFacts['inputs'][number], ReuseFacts['inputs'][number]];
  const others: Partial<ReuseFacts>[] = [
    {},
    { recipe: digestOf('another') },
    { executable: digestOf('another') },
    { executable: 'in-process' },
    { isolation: 'none' },
    { source: digestOf('another') },
    { source: null },
    { inputs: [] },
    { inputs: [a] },
    { inputs: [{ ...a, key: 'c' }, b] },
    { inputs: [{ ...a, sha256: b.sha256 }, b] },
  ];
  const keys = new Set(others.map((other) => reuseKey({ ...FACTS, ...other })));
  assert.equal(keys.size, others.length);
});
