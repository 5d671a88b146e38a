import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvidenceError, formatNote, toBase64 } from '@waybill/verify';
import fc from 'fast-check';
import { SampleLog } from '../../../test/support/sample-log.ts';
import { MAX_REQUEST_BYTES, parseAddCheckpoint, type Submission } from './add-checkpoint.ts';

const LOG = new SampleLog().grow(13);
const HASH = toBase64(new Uint8Array(32).fill(7));
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function format({ oldSize, proof, note }: Submission): string {
  const lines = proof.map((hash) => `${toBase64(hash)}\n`).join('');
  return `old ${oldSize}\n${lines}\n${formatNote(note.text, note.signatures)}`;
}

test('requests: what the specification describes is read', async () => {
  for (const [oldSize, size] of [
    [0, 1],
    [5, 13],
    [13, 13],
  ] as const) {
    const body = await LOG.request(oldSize, size);
    const submission = parseAddCheckpoint(bytesOf(body));
    assert.deepEqual([submission.oldSize, submission.checkpoint.size, format(submission)], [oldSize, size, body]);
  }
});

test('requests: whatever deviates is refused', async () => {
  const good = await LOG.request(5);
  const bad: Record<string, string> = {
    nothing: '',
    'no size': good.replace('old 5\n', ''),
    'another word': good.replace('old', 'new'),
    'two blanks': good.replace('old ', 'old  '),
    'a leading zero': good.replace('old 5', 'old 05'),
    'a negative size': good.replace('old 5', 'old -5'),
    'a size beyond 2^53': good.replace('old 5', 'old 9007199254740992'),
    'a carriage return': good.replace('old 5\n', 'old 5\r\n'),
    'a hash of 31 bytes': good.replace('old 5\n', `old 5\n${toBase64(new Uint8Array(31))}\n`),
    'a hash without padding': good.replace('old 5\n', `old 5\n${HASH.slice(0, -1)}\n`),
    '64 hashes': `old 5\n${`${HASH}\n`.repeat(64)}\n${LOG.checkpoint()}`,
    'no empty line': good.replace('\n\n', '\n'),
    'no checkpoint': good.slice(0, good.indexOf('\n\n') + 2),
    'a checkpoint without a signature': `${good.slice(0, good.lastIndexOf('\n\n'))}\n`,
    'a checkpoint without a size': good.replace('\n13\n', '\n'),
    'something behind it': `${good}x`,
  };
  for (const [what, body] of Object.entries(bad)) {
    assert.notEqual(body, good, what);
    assert.throws(() => parseAddCheckpoint(bytesOf(body)), { name: 'EvidenceError' }, what);
  }
  assert.ok(parseAddCheckpoint(bytesOf(`old 5\n${`${HASH}\n`.repeat(63)}\n${LOG.checkpoint()}`)));
  assert.throws(() => parseAddCheckpoint(new Uint8Array(MAX_REQUEST_BYTES + 1)), { code: 'LIMIT' });
});

test('requests: any bytes are refused with a code or read, and what is read has this one form', async () => {
  const good = bytesOf(await LOG.request(5));
  const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(2)), {
    maxLength: 4,
  });
  const edited = edits.map((all) => {
    const bytes = [...good];
    // Replaced, inserted or taken out.
    for (const [at, byte, kind] of all) bytes.splice(at, kind === 1 ? 0 : 1, ...(kind === 2 ? [] : [byte]));
    return Uint8Array.from(bytes);
  });
  let read = 0;
  fc.assert(
    fc.property(
      fc.oneof({ weight: 4, arbitrary: edited }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) }),
      (body) => {
        let submission: Submission;
        try {
          submission = parseAddCheckpoint(body);
        } catch (error) {
          assert.ok(error instanceof EvidenceError, String(error));
          assert.match(error.message, /^[ -~]+$/);
          return;
        }
        read++;
        assert.equal(format(submission), Buffer.from(body).toString());
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(read > 50, `only ${read} were read`);
});
