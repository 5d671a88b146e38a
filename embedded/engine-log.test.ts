import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { factsOf } from './engine-log.ts';

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

test('engine log: each error has a code, and only a defect has a stack', () => {
  const refused = { code: 'STORE_BUSY', path: 'a', problem: 'b', fix: 'c' } as const;
  assert.deepEqual(factsOf(new RetryableError(refused)), refused);
  const ofFile = factsOf(thrownBy(() => readFileSync('/nowhere/at/all')));
  assert.deepEqual(ofFile, { code: 'ENOENT', problem: "ENOENT: no such file or directory, open '/nowhere/at/all'" });
  const ofStore = factsOf(thrownBy(() => new DatabaseSync(':memory:').exec('no sql')));
  assert.deepEqual(ofStore, { code: 'ERR_SQLITE_ERROR', problem: 'near "no": syntax error' });
  assert.deepEqual(factsOf('odd'), { code: 'INTERNAL', problem: 'odd' });
  const { code, stack } = factsOf(new RangeError('a defect')) as { code: string; stack: string };
  assert.deepEqual([code, /RangeError: a defect\n +at /.test(stack)], ['INTERNAL', true]);
});
