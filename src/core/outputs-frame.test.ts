import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { LIMITS as SPEC_LIMITS } from '@waybill/client/limits';
import { canonicalize, digestOf } from '@waybill/verify';
import fc from 'fast-check';
import { JOB_LIMITS } from './names.ts';
import { frameHeader, indexWeight, MAX_INDEX_WEIGHT, type OutputEntry, splitOutputs } from './outputs-frame.ts';

const LIMITS = { outputsBytes: 1_000, fileBytes: 500, files: 5, patchBytes: 500 };

interface Sample {
  name: string;
  kind: OutputEntry['kind'];
  bytes: string;
}

function frame(samples: Sample[]): string {
  const bytesOf = new Map(samples.map(({ name, bytes }) => [name, bytes]));
  const { header, files } = frameHeader(
    samples.map(({ name, kind, bytes }) => ({ name, kind, sizeBytes: bytes.length, sha256: digestOf(bytes) })),
  );
  return header + files.map(({ name }) => bytesOf.get(name)).join('');
}

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function split(text: string, size = 1_000, limits = LIMITS): Promise<Sample[]> {
  const found: Sample[] = [];
  for await (const { name, kind, bytes } of splitOutputs(chunks(text, size), limits)) {
    const parts = await Array.fromAsync(bytes);
    found.push({ name, kind, bytes: Buffer.concat(parts).toString('latin1') });
  }
  return found;
}

const SAMPLES: Sample[] = [
  { name: 'checkpoint', kind: 'checkpoint', bytes: 'kept' },
  { name: 'outputs/a', kind: 'output', bytes: 'one' },
  { name: 'outputs/dir/b', kind: 'output', bytes: '' },
  { name: 'patch', kind: 'patch', bytes: 'diff\n' },
];

async function refuses(text: string, problem: RegExp, limits = LIMITS): Promise<void> {
  await assert.rejects(
    split(text, 7, limits),
    (error) => error instanceof TerminalError && error.code === 'RESULT_INVALID' && problem.test(error.message),
  );
}

/** A frame whose index is exactly this, with `body` after it. */
function forged(files: object[], body = ''): string {
  return `waybill-outputs/v1\n${canonicalize({ files })}\n${body}`;
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

const entry = (name: string, more: object = {}): object => ({
  name,
  kind: 'output',
  offset: 0,
  sizeBytes: 0,
  sha256: digestOf(''),
  ...more,
});

describe('outputs frame:', () => {
  it('what was framed comes back by name, however the bytes are cut', async () => {
    for (const size of [1, 2, 19, 1_000]) assert.deepEqual(await split(frame(SAMPLES.toReversed()), size), SAMPLES);
    assert.deepEqual(await split(frame([])), []);
  });

  it('a file that its reader leaves unread is not skipped silently', async () => {
    await assert.rejects(async () => {
      for await (const part of splitOutputs(chunks(frame(SAMPLES), 100), LIMITS)) void part;
    }, /not read to its end/);
  });

  for (const [title, text, problem] of [
    ['nothing', '', /magic/],
    ['another magic line', frame(SAMPLES).replace('v1', 'v2'), /magic/],
    ['no index', 'waybill-outputs/v1\n', /no index/],
    ['an index that is not canonical', frame(SAMPLES).replace('{"files"', '{ "files"'), /canonical/],
    ['an unknown key', `waybill-outputs/v1\n${canonicalize({ files: [], more: 1 })}\n`, /known key/],
    ['bytes after the last file', `${frame(SAMPLES)}x`, /goes on/],
    ['bytes that end early', frame(SAMPLES).slice(0, -1), /early/],
    [
      'overlapping files',
      forged([entry('outputs/a', { sizeBytes: 1 }), entry('outputs/b', { sizeBytes: 1 })], 'xy'),
      /start where/,
    ],
    ['names out of order', forged([entry('outputs/b'), entry('outputs/a')]), /ascending/],
    ['a name twice', forged([entry('outputs/a'), entry('outputs/a')]), /ascending/],
    [
      'a file that is also a directory',
      forged([entry('outputs/a'), entry('outputs/a/b')]),
      /below a name that is a file/,
    ],
    [
      'a file far above another',
      forged([entry('outputs/a'), entry('outputs/a-'), entry('outputs/a/b/c')]),
      /below a name/,
    ],
    ['a name outside outputs/', forged([entry('elsewhere/a')]), /below outputs/],
    ['a name that climbs', forged([entry('outputs/../a')]), /leads elsewhere/],
    ['an absolute name', forged([entry('/outputs/a')]), /below outputs/],
    ['a name with a control character', forged([entry('outputs/a\u0007')]), /U\+0007/],
    ['a name that no verifier takes', latin1(forged([entry('outputs/a\u00adb')])), /U\+00AD/],
    ['an output called patch', forged([entry('patch')]), /below outputs/],
    ['a patch under another name', forged([entry('outputs/a', { kind: 'patch' })]), /not patch/],
    ['an unknown kind', forged([entry('outputs/a', { kind: 'log' })]), /none of/],
    ['a negative size', forged([entry('outputs/a', { sizeBytes: -1 })]), /integer/],
    ['a digest that is none', forged([entry('outputs/a', { sha256: 'sha256:00' })]), /match/],
    ['a file over its limit', forged([entry('outputs/a', { sizeBytes: 501 })]), /larger than the job allows/],
    [
      'a patch over its limit',
      forged([entry('patch', { kind: 'patch', sizeBytes: 501 })]),
      /larger than the job allows/,
    ],
    [
      'too much together',
      forged(['a', 'b', 'c'].map((name, n) => entry(`outputs/${name}`, { sizeBytes: 400, offset: 400 * n }))),
      /together/,
    ],
    ['too many files', forged(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => entry(`outputs/${name}`))), /at most 5/],
  ] as const) {
    it(`refuses ${title}`, () => refuses(text, problem));
  }

  it('never ends well for an altered frame unless its meaning is a frame', async () => {
    const valid = frame(SAMPLES);
    await fc.assert(
      fc.asyncProperty(fc.nat(valid.length - 1), fc.nat(255), async (at, code) => {
        try {
          await split(valid.slice(0, at) + String.fromCharCode(code) + valid.slice(at + 1));
        } catch (error) {
          assert.ok(error instanceof TerminalError && error.code === 'RESULT_INVALID', String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  const many = (name: (n: number) => string, count: number): Omit<OutputEntry, 'offset'>[] =>
    Array.from({ length: count }, (_, n) => ({
      name: `outputs/${name(n)}`,
      kind: 'output',
      sizeBytes: Number.MAX_SAFE_INTEGER,
      sha256: digestOf(''),
    }));
  const longName = (n: number): string => `${n}`.padStart(4, '0').concat('ü"'.repeat(300));

  it('refuses more names than one record holds, counted as bytes of JSON', async () => {
    // Ten letters, two quotes and 160 for the rest: 172 each.
    const short = (n: number): string => String(n).padStart(2, '0');
    assert.equal(indexWeight(many(short, 1)), 172);
    // `outputs/`, four digits, 300 times two bytes of ü and two of the escaped quote, two quotes.
    assert.equal(indexWeight(many(longName, 1)), 8 + 4 + 1_200 + 2 + 160);
    const tooMany = many(longName, 35);
    assert.ok(indexWeight(tooMany) > MAX_INDEX_WEIGHT);
    assert.throws(() => frameHeader(tooMany), /too many for one record/);
    const index = forged(tooMany.map((file) => ({ ...file, offset: 0 })));
    await refuses(latin1(index), /too many for one record/, { ...LIMITS, files: 1_000 });
  });

  it('what it lets through fits into one event line, next to the longest pipeline', () => {
    const at = '2026-11-21T05:00:00.000Z';
    const block = { index: 15, block: 'script', lens: 'verify', exit: 255, startedAt: at, endedAt: at };
    for (const files of [many((n) => n.toString(36).padStart(2, '0'), 279), many(longName, 34)]) {
      assert.ok(indexWeight(files) <= MAX_INDEX_WEIGHT && files.length <= JOB_LIMITS.files);
      const outputs = files.map(({ name, kind, sizeBytes, sha256 }) => ({ name, kind, sizeBytes, sha256 }));
      const line = canonicalize({ outputs, claimed: { blocks: Array(SPEC_LIMITS.blocksPerPipeline).fill(block) } });
      assert.ok(Buffer.byteLength(line) < 65_535 - 4_000, `${Buffer.byteLength(line)}`);
    }
  });

  it('refuses to write a frame that it would not read', () => {
    const file = { kind: 'output' as const, sizeBytes: 0, sha256: digestOf('') };
    assert.throws(() => frameHeader([{ ...file, name: 'outputs/../x' }]), TerminalError);
    assert.throws(
      () =>
        frameHeader([
          { ...file, name: 'outputs/a' },
          { ...file, name: 'outputs/a' },
        ]),
      TerminalError,
    );
  });
});
