/** What the words of an answer come to, where they are fewer than an answer has as a rule. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { messagesMeter } from './meters.ts';

const USAGE = { input_tokens: 50, cache_read_input_tokens: 7, cache_creation_input_tokens: 9, output_tokens: 1 };
const start = (usage?: object) => ({ type: 'message_start', message: { model: 'm', ...(usage && { usage }) } });
const delta = (usage: object) => ({ type: 'message_delta', delta: {}, usage });
const STOP = { type: 'message_stop' };

function read(events: readonly object[]) {
  const meter = messagesMeter(true);
  for (const event of events) meter.push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
  return meter.end();
}

it('counts that a later event has as null, or not at all, or lower, stay', () => {
  const nulls = { input_tokens: null, cache_creation_input_tokens: null, cache_read_input_tokens: null };
  const whole = { served: 'm', inputTokens: 59, outputTokens: 12, cachedTokens: 7, isWhole: true };
  assert.deepEqual(read([start(USAGE), delta({ ...nulls, output_tokens: 12 }), STOP]), whole);
  assert.deepEqual(read([start(USAGE), delta({ output_tokens: 12 }), delta({ output_tokens: null }), STOP]), whole);
  assert.deepEqual(read([start(USAGE), delta({ output_tokens: 12, input_tokens: 0 }), STOP]), whole);
});

it('an answer that never said what went in is not whole', () => {
  assert.equal(read([start(), delta({ output_tokens: 12 }), STOP])?.isWhole, false);
  assert.equal(read([start({ ...USAGE, input_tokens: null }), delta({ output_tokens: 12 }), STOP])?.isWhole, false);
});

it('what was told before an answer broke off, or could not be read any more, is kept, and not whole', () => {
  const part = { served: 'm', inputTokens: 59, outputTokens: 1, cachedTokens: 7, isWhole: false };
  assert.deepEqual(read([start(USAGE)]), part);
  assert.deepEqual(read([start(USAGE), delta({ output_tokens: -1 }), delta({ output_tokens: 12 }), STOP]), part);
  assert.equal(read([]), null);
});
