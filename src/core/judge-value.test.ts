import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { schemaProblems } from '@waybill/client/output-schema';
import { judgeBy } from './judge-value.ts';

const judged = (schema: object, text: string, left = 1_000): string | null =>
  judgeBy(schema as Record<string, unknown>)(JSON.parse(text), { left });

const long = '😀'.repeat(64);

/** A schema, what breaks it, where, and what does not. */
const CASES: [schema: object, broken: string, rule: string, fitting: string][] = [
  [{ type: 'integer' }, '1.5', '/type', '1.0'],
  [{ type: ['null', 'array'] }, '{}', '/type', 'null'],
  [{ type: 'object' }, '[]', '/type', '{}'],
  [{ enum: ['a', 0] }, '"0"', '/enum', '0'],
  [{ const: null }, 'false', '/const', 'null'],
  [{ properties: { constructor: { type: 'string' } } }, '{"constructor":1}', '/properties/constructor/type', '{}'],
  [JSON.parse('{"properties":{"__proto__":{"type":"string"}}}'), '{"__proto__":1}', '/properties/__proto__/type', '{}'],
  [{ properties: { 'a/b~c': { const: 1 } } }, '{"a/b~c":2}', '/properties/a~1b~0c/const', '[]'],
  [{ properties: { [long]: { const: 1 } } }, `{"${long}":2}`, `/properties/${long}/const`, '1'],
  [{ required: ['toString'] }, '{}', '/required', '{"toString":1}'],
  [{ properties: { a: {} }, additionalProperties: false }, '{"b":1}', '/additionalProperties', '{"a":1}'],
  [{ additionalProperties: { type: 'null' } }, '{"b":1}', '/additionalProperties/type', '{"b":null}'],
  [{ items: { const: 1 } }, '[1,2]', '/items/const', '[]'],
  [{ minItems: 1 }, '[]', '/minItems', '[0]'],
  [{ maxItems: 1 }, '[1,2]', '/maxItems', '[0]'],
  [{ minLength: 2 }, '"😀"', '/minLength', '"😀😀"'],
  [{ maxLength: 1 }, '"ab"', '/maxLength', '"😀"'],
  [{ minProperties: 1 }, '{}', '/minProperties', '{"a":1}'],
  [{ maxProperties: 0 }, '{"a":1}', '/maxProperties', '{}'],
  [{ minimum: 1 }, '0.5', '/minimum', '1'],
  [{ maximum: 1 }, '1e400', '/maximum', '1'],
  [{ exclusiveMinimum: 1 }, '1', '/exclusiveMinimum', '1.1'],
  [{ exclusiveMaximum: 1 }, '1', '/exclusiveMaximum', '0'],
  [{ anyOf: [{ const: 1 }, { const: 2 }] }, '3', '/anyOf', '2'],
  [{ oneOf: [{ type: 'integer' }, { minimum: 2 }] }, '2', '/oneOf', '1'],
  [{ allOf: [{}, { const: 1 }] }, '2', '/allOf/1/const', '1'],
  [{ not: { const: 1 } }, '1', '/not', '2'],
];

describe('judge', () => {
  for (const [schema, broken, rule, fitting] of CASES) {
    it(`tells by ${rule} what breaks it`, () => {
      assert.deepEqual(schemaProblems(schema), []);
      assert.equal(judged(schema, broken), rule);
      assert.equal(judged(schema, fitting), null);
    });
  }

  it('holds values to every keyword that a schema may have', () => {
    const [{ fix } = assert.fail()] = schemaProblems({ none: 1 });
    const taken = fix.replace(/^.*: |\.$/g, '').split(', ');
    const words = ['$schema', 'title', 'description'];
    const held = new Set(CASES.flatMap(([schema]) => Object.keys(schema)));
    assert.deepEqual(
      taken.filter((keyword) => !held.has(keyword)),
      words,
    );
  });

  it('asks a value what is wanted of its type alone', () => {
    const bounds = { minimum: 9, minLength: 9, minItems: 9, minProperties: 9, required: ['a'], items: { not: {} } };
    assert.equal(judged(bounds, 'true'), null);
  });

  it('counts what it looks at, and gives up soon after, whatever is to hold', () => {
    const cost = (schema: object, text: string): number => {
      const steps = { left: 0 };
      for (let left = 0; ; left++) {
        steps.left = left;
        judgeBy(schema as Record<string, unknown>)(JSON.parse(text), steps);
        if (steps.left >= 0) return left;
      }
    };
    assert.equal(cost({ maxLength: 9 }, '"abcd"'), 6);
    assert.equal(cost({ enum: [1, 2, 3] }, '3'), 5);
    assert.equal(cost({ items: { type: 'integer' } }, '[1,2,3]'), 8);
    assert.equal(cost({ maxProperties: 9, additionalProperties: false }, '{}'), 3);
    assert.equal(cost({ maxProperties: 9 }, '{"a":1,"b":2}'), 18);
    for (const items of [{ type: 'integer' }, { not: { not: { type: 'integer' } } }, { oneOf: [{}, { not: {} }] }]) {
      const steps = { left: 6 };
      judgeBy({ items })(Array(1_000).fill(0), steps);
      assert.ok(steps.left < 0 && steps.left > -10, `${steps.left}`);
    }
  });
});
