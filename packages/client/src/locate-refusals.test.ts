import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOf, parseWrittenRun } from '../test/run-sample.ts';
import { locateRefusals } from './locate-refusals.ts';

/** `line:column path` of each refusal of the text; only the path where there is no place. */
function placesIn(text: string): string[] {
  const read = parseWrittenRun(bytesOf(text));
  const refusals = read.ok ? [] : read.refusals;
  const places = locateRefusals(bytesOf(text), refusals);
  return refusals.map(({ path }, n) => {
    const place = places[n];
    return place ? `${place.line}:${place.column} ${path}` : path;
  });
}

const HEAD = 'apiVersion: waybill/v1\nkind: Run\nmetadata: { name: x }\n';

test('locate: keys, entries of lists and quoted keys are found where they stand', () => {
  const text = `${HEAD}spec:
  items:
    - id: a
      env: { "a b": "1" }
      pipeline:
        - block: script
          run: "true"
          runs: 1
    - { id: B, pipeline: [{ block: script, run: "true" }] }
`;
  assert.deepEqual(placesIn(text).toSorted(), [
    '11:11 spec.items[0].pipeline[0].runs',
    '12:9 spec.items[1].id',
    '7:14 spec.items[0].env["a b"]',
  ]);
});

test('locate: what is missing is looked for where it would stand, and what is about everything has no place', () => {
  assert.deepEqual(placesIn(`${HEAD}spec:\n  items:\n    - id: a\n`), ['6:7 spec.items[0].pipeline']);
  assert.deepEqual(placesIn(HEAD), ['spec']);
  assert.deepEqual(placesIn(''), ['document']);
});

test('locate: JSON is located as well, and what could not be read by the place that is its path', () => {
  const text = '{"apiVersion":"waybill/v1","kind":"Run","metadata":{"name":"x"},\n"spec":{"items":[],\n  "more":1}}';
  assert.deepEqual(placesIn(text).toSorted(), ['2:9 spec.items', '3:3 spec.more']);
  assert.deepEqual(placesIn('a: 1\na: 2\n'), ['2:1 line 2, column 1']);
});

test('locate: a text that went too far is not walked again', () => {
  assert.deepEqual(placesIn('['.repeat(100_000)), ['document']);
});

test('locate: whatever is refused, each refusal has one place within the text or none', () => {
  const line = fc.constantFrom(
    'spec:',
    '  items:',
    '    - id: a',
    '    - id: "é\u2028"',
    '      x: *b',
    '? [a]',
    'a: &b 1',
    '\t',
    '}',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const text = lines.join('\n');
      const read = parseWrittenRun(bytesOf(text));
      const refusals = read.ok ? [] : read.refusals;
      const places = locateRefusals(bytesOf(text), refusals);
      assert.equal(places.length, refusals.length);
      for (const place of places)
        if (place) assert.ok(place.line >= 1 && place.line <= lines.length + 1 && place.column >= 1);
    }),
  );
});
