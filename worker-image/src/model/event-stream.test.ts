import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventFrame, exceptionFrame } from '../../../test/model-server/event-frames.ts';
import { eventStreamReader } from './event-stream.ts';

const FRAMES = [eventFrame('messageStart', { role: 'assistant' }), exceptionFrame('throttlingException', 'later')];
const WHOLE = Buffer.concat(FRAMES);

function read(...parts: Uint8Array[]): string[] {
  const reader = eventStreamReader();
  const messages = parts.flatMap((part) => reader.push(part));
  assert.ok(reader.isEmpty());
  return messages.map(({ headers, payload }) => `${headers.get(':message-type')} ${payload}`);
}

describe('event stream:', () => {
  const expected = ['event {"role":"assistant"}', 'exception {"message":"later"}'];

  it('messages are the same wherever the bytes are cut', () => {
    for (let at = 0; at <= WHOLE.length; at += 1) {
      assert.deepEqual(read(WHOLE.subarray(0, at), WHOLE.subarray(at)), expected);
    }
  });

  it('headers that hold no text are passed over', () => {
    const [first] = FRAMES;
    assert.ok(first);
    const { headers } = eventStreamReader().push(first)[0] ?? {};
    assert.deepEqual([...(headers?.keys() ?? [])], [':event-type', ':content-type', ':message-type']);
  });

  it('any bit that is another is noticed, or waits for bytes that never come', () => {
    const [frame] = FRAMES;
    assert.ok(frame);
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => eventStreamReader().push(damaged), RangeError);
    }
  });

  it('a length that nobody sends is refused before it is waited for', () => {
    assert.throws(() => eventStreamReader().push(Buffer.alloc(12, 0xff)), /prelude/);
  });
});
