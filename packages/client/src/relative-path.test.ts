import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { outputName } from '../../verify/src/json/scalars.ts';
import { relativePathProblem } from './relative-path.ts';

describe('relative path:', () => {
  for (const path of ['a', 'a/b', '.hidden', 'a..b', 'zwei-ü', 'a b', '\u{1f600}', 'x'.repeat(255)]) {
    it(`takes ${JSON.stringify(path.slice(0, 20))}`, () => assert.equal(relativePathProblem(path), null));
  }

  for (const [path, problem] of [
    ['', /empty/],
    ['/a', /absolute/],
    ['a/', /empty segment/],
    ['a//b', /empty segment/],
    ['.', /leads elsewhere/],
    ['a/../b', /leads elsewhere/],
    ['a\\b', /backslash/],
    ['a\nb', /U\+000A/],
    ['a\u200bb', /U\+200B/],
    ['a\u202eb', /U\+202E/],
    ['a\u00adb', /U\+00AD/],
    ['a\ud800b', /U\+D800/],
    ['x'.repeat(256), /segment longer/],
    ['x/'.repeat(512).concat('y'), /longer than 1024/],
  ] as const) {
    it(`refuses ${JSON.stringify(path.slice(0, 20))}`, () => assert.match(relativePathProblem(path) ?? '', problem));
  }

  it('takes no path that the verifier refuses as the name of an output', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (path) => {
        if (relativePathProblem(path) === null) assert.equal(outputName(path), undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
