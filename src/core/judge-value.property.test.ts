/** Our judge of values against one that is known, on schemas and values of all kinds. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Schema, Validator } from '@cfworker/json-schema';
import { type JsonSchema, schemaProblems } from '@waybill/client/output-schema';
import fc from 'fast-check';
import { judgeBy } from './judge-value.ts';

const name = fc.constantFrom('a', 'b', 'c~/d', '%', '');
const scalar = fc.oneof(
  fc.constantFrom(null, true, false, 0, 1, 2, -1, 1.5, 1e300, '', 'a', 'ab', '😀', '😀😀'),
  fc.integer({ min: -3, max: 3 }),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(name, tie('any'), { maxKeys: 3 }),
  ),
})).any;

const type = fc.constantFrom('array', 'boolean', 'integer', 'null', 'number', 'object', 'string');
const count = fc.integer({ min: 0, max: 3 });
const number = fc.constantFrom(-1, 0, 0.5, 1, 2);
const schema = fc.letrec<{ any: JsonSchema }>((tie) => {
  const several = fc.array(tie('any'), { minLength: 1, maxLength: 3 });
  const keywords = {
    type: fc.oneof(type, fc.array(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(scalar, { minLength: 1, maxLength: 4 }),
    const: scalar,
    required: fc.uniqueArray(name, { minLength: 1, maxLength: 2 }),
    ...Object.fromEntries(
      ['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'].map((one) => [one, count]),
    ),
    ...Object.fromEntries(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((one) => [one, number])),
    properties: fc.dictionary(name, tie('any'), { maxKeys: 3 }),
    additionalProperties: fc.oneof(fc.boolean(), tie('any')),
    items: tie('any'),
    anyOf: several,
    oneOf: several,
    allOf: several,
    not: tie('any'),
  };
  // One or two at a time: a schema of many keywords is kept by next to nothing.
  const one = fc.oneof(
    ...Object.entries(keywords).map(([key, held]) => fc.record({ [key]: held as fc.Arbitrary<unknown> })),
  );
  return {
    any: fc.oneof(
      { depthSize: 'small' },
      fc.record({ type }) as fc.Arbitrary<JsonSchema>,
      fc.tuple(one, one).map(([a, b]) => ({ ...a, ...b })) as fc.Arbitrary<JsonSchema>,
    ),
  };
}).any;

it('judge: says of random values and schemas what another judge says, and where', () => {
  const said = { fits: 0, breaks: 0 };
  fc.assert(
    fc.property(schema, value, (wanted, given) => {
      fc.pre(schemaProblems(wanted).length === 0);
      const [plainSchema, plain] = JSON.parse(JSON.stringify([wanted, given])) as [JsonSchema, unknown];
      const broken = judgeBy(plainSchema)(plain, { left: 1_000_000 });
      const { valid } = new Validator(plainSchema as Schema, '2020-12').validate(plain);
      assert.equal(broken === null, valid, `${broken}`);
      said[valid ? 'fits' : 'breaks'] += 1;
      if (broken !== null) assert.ok(isKeyword(plainSchema, broken), broken);
    }),
    { numRuns: 4_000 },
  );
  assert.ok(said.fits > 400 && said.breaks > 400, JSON.stringify(said));
});

/** Whether the pointer leads to something in the schema. */
function isKeyword(schemaOf: unknown, pointer: string): boolean {
  const parts = pointer.split('/').slice(1);
  return (
    parts.reduce<unknown>((at, part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      return typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined;
    }, schemaOf) !== undefined
  );
}
