import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardBlock } from './block-guard.ts';

const BYTES = Buffer.from('ten bytes.');

function guarded(guards: Parameters<typeof guardBlock>[0], stop = new AbortController()) {
  const seen: Uint8Array[] = [];
  return { ...guardBlock(guards, { signal: stop.signal, onOutput: (bytes) => void seen.push(bytes) }), seen };
}

test('block guard: whoever writes in time goes on, and whoever does not is ended', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const guard = guarded({ stallMs: 1_000 });
  for (let n = 0; n < 5; n += 1) {
    t.mock.timers.tick(999);
    guard.onOutput(BYTES);
  }
  assert.equal(guard.signal.aborted, false);
  t.mock.timers.tick(1_000);
  assert.equal(guard.signal.aborted, true);
  guard.onOutput(BYTES);
  assert.deepEqual([guard.end(), guard.seen.length], ['no_output', 6]);
});

test('block guard: a byte more than it may write ends a block, and not the last that it may', () => {
  const guard = guarded({ outputBytes: 20 });
  guard.onOutput(BYTES);
  guard.onOutput(BYTES);
  assert.equal(guard.signal.aborted, false);
  guard.onOutput(BYTES.subarray(0, 1));
  assert.deepEqual([guard.signal.aborted, guard.end()], [true, 'output_limit']);
});

test('block guard: where nothing is asked nothing is guarded, and a stop from outside is no limit', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stop = new AbortController();
  const guard = guarded({}, stop);
  t.mock.timers.tick(2 ** 31);
  for (let n = 0; n < 100; n += 1) guard.onOutput(BYTES);
  assert.equal(guard.signal.aborted, false);
  stop.abort();
  assert.deepEqual([guard.signal.aborted, guard.end()], [true, null]);
});
