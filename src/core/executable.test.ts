import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { containerExecutable } from './executable.ts';

test('the executable of two containers is the digest of what the manifest page says, and changes with either', () => {
  const [worker, image] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`] as const;
  const written = `{"environment":"${image}","worker":"${worker}"}`;
  assert.equal(containerExecutable(worker, image), `sha256:${createHash('sha256').update(written).digest('hex')}`);
  assert.notEqual(containerExecutable(worker, image), containerExecutable(image, worker));
});
