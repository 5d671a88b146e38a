import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { containerExecutable } from '#core/executable.ts';
import { workerExecutable } from '../../lib/worker-executable.ts';

test('infra: the executable that functions are told is the one that the worker computes from its task definition', () => {
  const [worker, image] = [digestOf('worker'), digestOf('image')];
  const named = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/environment@${image}`;
  assert.equal(workerExecutable(worker, named), containerExecutable(worker, image));
});
