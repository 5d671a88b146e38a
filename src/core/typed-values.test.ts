import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_TYPED_BYTES, MAX_TYPED_STEPS, unfitness } from './typed-values.ts';

const VERDICT = {
  type: 'object',
  required: ['approved'],
  additionalProperties: false,
  properties: { approved: { type: 'boolean' }, findings: { type: 'array', items: { type: 'string' } } },
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const judged = (text: string, schema: object = VERDICT, kind: 'json' | 'jsonl' = 'json'): unknown =>
  unfitness(kind, JSON.stringify(schema), bytes(text), { left: MAX_TYPED_STEPS });

describe('values of outputs', () => {
  it('fit their schema', () => {
    assert.equal(judged('{"approved":true,"findings":["a"]}'), null);
    assert.equal(judged('{"approved":true}\n{"approved":false}\n', VERDICT, 'jsonl'), null);
    assert.equal(judged('{"approved":true}\r\n{"approved":false}', VERDICT, 'jsonl'), null);
    assert.equal(judged('', VERDICT, 'jsonl'), null);
  });

  for (const [what, text, rule] of [
    ['of another type', '{"approved":"yes"}', '/properties/approved/type'],
    ['that lack a key', '{}', '/required'],
    ['with a key too many', '{"approved":true,"secret-name":1}', '/additionalProperties'],
    ['with a wrong entry', '{"approved":true,"findings":["a",1]}', '/properties/findings/items/type'],
    ['that are none of their objects', '[]', '/type'],
    ['with a key that every object has', '{"approved":true,"constructor":1}', '/additionalProperties'],
  ] as const) {
    it(`${what} are told by the keyword that they break, and by nothing of themselves`, () => {
      assert.deepEqual(judged(text), { problem: 'schema', rule });
    });
  }

  it('that are none of several are told by the choice', () => {
    assert.deepEqual(judged('"c"', { anyOf: [{ const: 'a' }, { const: 'b' }] }), { problem: 'schema', rule: '/anyOf' });
  });

  it('of a line are told by its number', () => {
    assert.deepEqual(judged('{"approved":true}\n{"approved":1}\n', VERDICT, 'jsonl'), {
      problem: 'schema',
      rule: '/properties/approved/type',
      line: 2,
    });
    assert.deepEqual(judged('{"approved":true}\n\n', VERDICT, 'jsonl'), { problem: 'not_json', line: 2 });
  });

  it('that are no JSON, or no UTF-8, are none', () => {
    assert.deepEqual(judged('{"approved":true'), { problem: 'not_json' });
    assert.deepEqual(unfitness('json', '{}', Uint8Array.of(0x22, 0xff, 0x22), { left: 9 }), { problem: 'not_json' });
  });

  it('are not judged by a schema that nobody has looked at', () => {
    assert.deepEqual(judged('"aaaa"', { pattern: '^(a+)+$' }), { problem: 'schema', rule: '/' });
  });

  it('are no JSON with half a surrogate pair, as a key or in a text, and whole pairs are', () => {
    for (const text of [
      '{"\\ud800":1}',
      '"\\uDC00"',
      '"\\ud83d\\ud83d\\ude00"',
      '"\\ud83d \\ude00"',
      '"\\ude00\\ud83d"',
    ])
      assert.deepEqual(judged(text, { type: ['object', 'string'], additionalProperties: false }), {
        problem: 'not_json',
      });
    for (const text of ['"\\uD83D\\uDE00 \\n\\u00e9"', '"\\\\ud800"', '"😀\\\\\\ud83d\\ude00"'])
      assert.equal(judged(text, { type: 'string' }), null, text);
  });

  it('never end in an exception, whatever schema stands there', () => {
    for (const schema of ['{', 'null', '{"properties":{"\\ud800":{}}}'])
      assert.deepEqual(unfitness('json', schema, bytes('{}'), { left: 9 }), { problem: 'schema', rule: '/' }, schema);
  });

  it('are too large where judging them takes more than a number of steps, which all of an attempt share', () => {
    const choices = { items: { anyOf: [...Array(127).fill({ type: 'string' }), { type: 'integer' }] } };
    const perLine = 2 + 2 + 127 * 2 + 2;
    const zeros = `[${'0,'.repeat(MAX_TYPED_BYTES / 2 - 1)}0]`;
    assert.deepEqual(judged(zeros, choices), { problem: 'too_large' });
    assert.deepEqual(judged('[0]\n'.repeat(100_000), choices, 'jsonl'), {
      problem: 'too_large',
      line: Math.ceil(MAX_TYPED_STEPS / perLine),
    });
    assert.equal(judged(zeros, { items: { type: 'integer', minimum: 0 } }), null);
    const steps = { left: 5 };
    assert.equal(unfitness('json', '{"type":"integer"}', bytes('1'), steps), null);
    assert.equal(unfitness('json', '{"type":"integer"}', bytes('1'), steps), null);
    assert.deepEqual(unfitness('json', '{"type":"integer"}', bytes('1'), steps), { problem: 'too_large' });
  });
});
