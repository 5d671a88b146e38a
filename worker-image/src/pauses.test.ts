import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Pauses } from './pauses.ts';

it('pauses: an end wakes who waits at once, and whoever comes later does not wait', async () => {
  const pauses = new Pauses();
  const startedMs = performance.now();
  await pauses.of(5);
  assert.ok(performance.now() - startedMs >= 4);
  const waiting = pauses.of(60_000);
  assert.equal(pauses.areOver, false);
  pauses.end();
  await waiting;
  await pauses.of(60_000);
  assert.equal(pauses.areOver, true);
  assert.ok(performance.now() - startedMs < 30_000);
});
