import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AttemptEnded } from './attempt-ended.ts';
import { summarizeExcluded } from './excluded-paths.ts';

describe('excluded paths:', () => {
  it('a directory stands for its files when nothing of it was captured', () => {
    assert.deepEqual(summarizeExcluded(['a/b/1', 'a/b/2', 'a/c', 'top'], ['a/kept', 'other']), ['a/b/', 'a/c', 'top']);
    assert.deepEqual(summarizeExcluded(['a/b/1'], []), ['a/']);
    assert.deepEqual(summarizeExcluded([], ['a']), []);
  });

  it('a list that is too long is told less exactly, never cut', () => {
    const excluded = Array.from({ length: 3_000 }, (_, n) => `src/pkg-${n % 10}/f${n}.log`);
    const captured = Array.from({ length: 10 }, (_, n) => `src/pkg-${n}/code`);
    assert.deepEqual(
      summarizeExcluded(excluded, captured),
      captured.map((path) => path.replace('code', '**')),
    );
  });

  it('more at the top of the tree than a result can hold is refused', () => {
    const excluded = Array.from({ length: 1_001 }, (_, n) => `f${n}`);
    assert.throws(
      () => summarizeExcluded(excluded, []),
      (error) => error instanceof AttemptEnded && error.reason === 'excluded_too_many',
    );
    assert.equal(summarizeExcluded(excluded.slice(1), []).length, 1_000);
  });

  it('every excluded path is covered by an entry, and no entry that is exact covers a captured one', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(path), fc.uniqueArray(path), (all, some) => {
        const captured = some.map((each) => `${each}/file`);
        const excluded = all.map((each) => `${each}/left`);
        const list = summarizeExcluded(excluded, captured);
        const covers = (entry: string, each: string): boolean =>
          entry === each || (entry.endsWith('/') && each.startsWith(entry));
        for (const each of excluded) assert.ok(list.some((entry) => covers(entry, each)));
        for (const each of captured) assert.ok(!list.some((entry) => covers(entry, each)));
      }),
    );
  });
});
