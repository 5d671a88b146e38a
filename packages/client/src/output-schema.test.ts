import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SCHEMA_LIMITS, schemaProblems } from './output-schema.ts';
import { formatPath } from './spec-issue.ts';

const pathsOf = (schema: unknown): string[] => schemaProblems(schema).map(({ path }) => formatPath(path));
const nested = (depth: number): object => (depth === 0 ? {} : { items: nested(depth - 1) });

describe('schemas of outputs', () => {
  it('take what says how a value is built', () => {
    const verdict = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      required: ['approved'],
      additionalProperties: false,
      properties: {
        approved: { type: 'boolean', description: 'Whether it may go on.' },
        findings: { type: 'array', maxItems: 20, items: { type: 'object', properties: { line: { minimum: 1 } } } },
        severity: { enum: ['low', 'high', null] },
        score: { anyOf: [{ type: 'number', exclusiveMaximum: 0.5 }, { const: 'none' }] },
      },
    };
    assert.deepEqual(schemaProblems(verdict), []);
  });

  for (const [what, schema, path] of [
    ['a reference', { $ref: 'https://example.com/schema.json' }, '["$ref"]'],
    ['a reference to itself', { items: { $ref: '#' } }, 'items["$ref"]'],
    ['a pattern', { properties: { id: { pattern: '^(a+)+$' } } }, 'properties.id.pattern'],
    ['a format', { anyOf: [{ format: 'uri' }] }, 'anyOf[0].format'],
    ['a comparison of each with each', { uniqueItems: true }, 'uniqueItems'],
    ['names by pattern', { patternProperties: { '^(a+)+$': {} } }, 'patternProperties'],
    ['a base that moves references', { $id: 'https://example.com/' }, '["$id"]'],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, '["$schema"]'],
    ['objects to compare with', { enum: [{ a: 1 }] }, 'enum'],
    ['a word for a number', { minLength: 'ten' }, 'minLength'],
    ['a keyword that every object has', { constructor: 1 }, 'constructor'],
    ['no schema', 'text', 'document'],
    ['no schema inside', { not: true }, 'not'],
  ] as const) {
    it(`refuse ${what} at its path`, () => {
      assert.deepEqual(pathsOf(schema), [path]);
    });
  }

  it('refuse what is nested too deeply, too much or too long, and take one less', () => {
    const many = (count: number): object => ({ allOf: Array.from({ length: count }, () => ({ anyOf: [{}, {}] })) });
    const long = (count: number): object => ({
      enum: Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(count, 'x')),
    });
    assert.deepEqual(schemaProblems(nested(SCHEMA_LIMITS.depth - 1)), []);
    assert.equal(schemaProblems(nested(SCHEMA_LIMITS.depth)).length, 1);
    assert.deepEqual(schemaProblems(many(85)), []);
    assert.equal(schemaProblems(many(86)).length, 1);
    assert.deepEqual(schemaProblems(long(160)), []);
    assert.equal(schemaProblems(long(165)).length, 1);
  });
});
