import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Answer,
  formatLine,
  lineReader,
  MAX_OUTPUT_BYTES,
  type Order,
  parseAnswer,
  parseOrder,
} from './runner-protocol.ts';

const count = fc.nat();
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.constant<Answer>({ say: 'ready' }),
  fc.record({ say: fc.constant('started' as const), order: count }),
  fc.record({
    say: fc.constant('output' as const),
    order: count,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  }),
  fc.record({ say: fc.constant('ended' as const), order: count, exit: fc.option(fc.nat(255)) }),
  fc.record({ say: fc.constant('pong' as const), n: count }),
);
const order: fc.Arbitrary<Order> = fc.oneof(
  fc.record({
    say: fc.constant('run' as const),
    order: count,
    argv: fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }),
    env: fc.dictionary(fc.string(), fc.string({ unit: 'binary' }), { noNullPrototype: true }),
    cwd: fc.string(),
  }),
  fc.record({ say: fc.constantFrom('end' as const, 'kill' as const), order: count }),
  fc.record({ say: fc.constant('ping' as const), n: count }),
);

/** The stream cut at any places. */
function pieces(stream: Buffer, cuts: number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
  return [...at, stream.length].map((end, n) => stream.subarray(at[n - 1] ?? 0, end));
}

describe('runner protocol:', () => {
  it('what is said is what is heard, however the stream is cut', () => {
    const said = fc.array(fc.oneof(answer, order), { maxLength: 5 });
    fc.assert(
      fc.property(said, fc.array(fc.nat(), { maxLength: 9 }), (messages, cuts) => {
        const heard: unknown[] = [];
        const read = lineReader(10_000, (line) => heard.push(parseAnswer(line) ?? parseOrder(line)));
        for (const piece of pieces(Buffer.from(messages.map(formatLine).join('')), cuts))
          assert.equal(read(piece), true);
        assert.deepEqual(
          heard,
          messages.map((message) => ({ ...message })),
        );
      }),
    );
  });

  it('whatever else is said is nothing, and throws nothing', () => {
    const forged = fc.record({
      v: fc.constant(1),
      say: fc.constantFrom('ready', 'ended', 'output'),
      x: fc.jsonValue(),
    });
    const line = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      forged.map((value) => JSON.stringify(value)),
    );
    fc.assert(fc.property(line, (text) => assert.equal(parseAnswer(Buffer.from(text)), null)));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.equal(parseAnswer(bytes), null)));
  });

  it('a line may be as long as its limit and no longer, in one piece or in many', () => {
    for (const size of [1, 7, 1_000]) {
      const isRead = (length: number, end: string): boolean => {
        const read = lineReader(100, () => {});
        const text = Buffer.from('x'.repeat(length) + end);
        return pieces(
          text,
          Array.from({ length: 200 }, (_, n) => n * size),
        ).every(read);
      };
      assert.deepEqual(
        [isRead(100, '\n'), isRead(101, '\n'), isRead(100, ''), isRead(101, '')],
        [true, false, true, false],
      );
    }
  });

  it('the most output that a line may carry is taken, and fits into it', () => {
    const bytes = Buffer.alloc(MAX_OUTPUT_BYTES).toString('base64');
    const line = formatLine({ say: 'output', order: 1, bytes }).trimEnd();
    assert.notEqual(parseAnswer(Buffer.from(line)), null);
  });
});
