import assert from 'node:assert/strict';
import { it } from 'node:test';
import { item, refusalsFor, runOf, summary } from '../test/run-sample.ts';

const RANGE: readonly [string, boolean][] = [
  ['1970-01-01T00:00:00Z', true],
  ['1970-01-01T00:00:00+01:00', false],
  ['1969-12-31T23:59:59Z', false],
  ['2199-12-31T23:59:59Z', true],
  ['2200-01-01T00:00:00Z', false],
  ['2200-01-01T00:00:00+01:00', true],
];

for (const [notBefore, isTaken] of RANGE) {
  it(`a start not before ${notBefore} is ${isTaken ? 'taken' : 'out of range'}, whatever its offset`, () => {
    const refused = summary(refusalsFor(runOf([item('a')], { notBefore })));
    assert.deepEqual(refused, isTaken ? [] : ['SPEC_LIMIT spec.notBefore']);
  });
}
