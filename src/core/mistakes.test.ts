import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { eachOf, Mistakes } from './mistakes.ts';

function mistake(path: string, fix = 'Mend it.'): () => never {
  return () => {
    throw new TerminalError({ code: 'USAGE', path, problem: `is wrong in ${path}`, fix });
  };
}

function settled(mistakes: Mistakes): TerminalError {
  try {
    mistakes.settle();
  } catch (error) {
    assert.ok(error instanceof TerminalError);
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('mistakes: without one nothing is thrown, and what was read is given back', () => {
  const mistakes = new Mistakes();
  assert.equal(
    mistakes.reading(() => 7),
    7,
  );
  mistakes.settle();
});

test('mistakes: one is thrown as it was', () => {
  const mistakes = new Mistakes();
  assert.equal(mistakes.reading(mistake('a')), undefined);
  const { path, problem, fix } = settled(mistakes);
  assert.deepEqual([path, problem, fix], ['a', 'is wrong in a', 'Mend it.']);
});

test('mistakes: all are said in one error, each fix once, those of a part among them', () => {
  const part = new Mistakes();
  for (const path of ['b', 'c']) part.reading(mistake(path));
  const mistakes = new Mistakes();
  mistakes.reading(mistake('a', 'Mend the first.'));
  mistakes.reading(() => part.settle());
  const error = settled(mistakes);
  assert.deepEqual([error.path, error.fix], ['a', 'Mend the first. Mend it.']);
  assert.equal(error.problem, 'is wrong in a; b is wrong in b; c is wrong in c');
  assert.deepEqual(
    eachOf(error).map(({ path }) => path),
    ['a', 'b', 'c'],
  );
});

test('mistakes: of very many the first twenty are said, and how many more there are', () => {
  const mistakes = new Mistakes();
  for (let n = 0; n < 23; n += 1) mistakes.reading(mistake(`k${n}`));
  assert.match(settled(mistakes).problem, /k19 is wrong in k19; and 3 more$/);
});

test('mistakes: what is no mistake of the document is not kept', () => {
  const bug = new RangeError('not of the document');
  assert.throws(
    () =>
      new Mistakes().reading(() => {
        throw bug;
      }),
    bug,
  );
});
