/** The contract of the artifacts port, over any adapter. Case ids are stable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, TerminalError } from '@waybill/client/errors';
import { type Digest, digestOf } from '@waybill/verify';
import type { Artifacts } from '#ports/artifacts.ts';
import { aroundBed } from './around-bed.ts';

export interface ArtifactsBed {
  artifacts: Artifacts;
  /** The same store through a new adapter. */
  reopen(): Artifacts;
  /** Changes stored bytes behind the adapter's back; absent where nobody can. */
  rot?: (digest: Digest, bytes: string) => void | Promise<void>;
  /** How many objects and leftovers the store holds. */
  count(): number | Promise<number>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const isTerminal = (code: ErrorCode) => (error: unknown) => error instanceof TerminalError && error.code === code;

async function* stream(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield bytes(part);
}

export function artifactsSuite(name: string, open: () => Promise<ArtifactsBed>): void {
  const withStore = (use: (store: Artifacts, bed: ArtifactsBed) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed.artifacts, bed));
  const read = async (store: Artifacts, digest: Digest): Promise<string> =>
    Buffer.concat(await Array.fromAsync(await store.open(digest))).toString();

  describe(`artifacts: ${name}`, () => {
    it(
      'AR-01 what was put is read back under its own digest, also through a new adapter',
      withStore(async (store, bed) => {
        const put = await store.put(stream('hel', 'lo'));
        assert.deepEqual(put, { sha256: digestOf('hello'), sizeBytes: 5 });
        assert.equal(await read(store, put.sha256), 'hello');
        assert.equal(await read(bed.reopen(), put.sha256), 'hello');
        assert.equal(await store.size(put.sha256), 5);
      }),
    );

    it(
      'AR-02 no bytes are an object too',
      withStore(async (store) => {
        const { sha256 } = await store.put(bytes(''));
        assert.equal(await read(store, sha256), '');
        assert.equal(await store.size(sha256), 0);
      }),
    );

    it(
      'AR-03 the same bytes again change nothing, also from many writers at once',
      withStore(async (store, bed) => {
        const puts = await Promise.all(
          Array.from({ length: 20 }, (_, n) => store.put(n % 2 === 0 ? stream('same') : bytes('same'))),
        );
        puts.push(await store.put(bytes('same')));
        assert.equal(new Set(puts.map(({ sha256, sizeBytes }) => `${sha256} ${sizeBytes}`)).size, 1);
        assert.equal(await bed.count(), 1);
        assert.equal(await read(store, digestOf('same')), 'same');
      }),
    );

    it(
      'AR-04 other bytes than expected are refused and not kept; the expected ones are kept',
      withStore(async (store, bed) => {
        const expected = digestOf('right');
        await assert.rejects(store.put(bytes('wrong'), { expected }), isTerminal('OBJECT_DIGEST_MISMATCH'));
        assert.equal(await bed.count(), 0);
        assert.equal((await store.put(bytes('right'), { expected })).sha256, expected);
      }),
    );

    it(
      'AR-05 more bytes than allowed are refused and not kept; exactly as many are kept',
      withStore(async (store, bed) => {
        await assert.rejects(store.put(stream('12', '345'), { maxBytes: 4 }), isTerminal('OBJECT_TOO_LARGE'));
        assert.equal(await bed.count(), 0);
        await store.put(stream('12', '34'), { maxBytes: 4 });
        assert.equal(await bed.count(), 1);
        const long = Array<string>(8).fill('x'.repeat(100_000));
        await assert.rejects(store.put(stream(...long), { maxBytes: 799_999 }), isTerminal('OBJECT_TOO_LARGE'));
        await assert.rejects(store.put(bytes('12'), { maxBytes: 1 }), isTerminal('OBJECT_TOO_LARGE'));
        assert.equal(await bed.count(), 1);
        assert.equal((await store.put(stream(...long), { maxBytes: 800_000 })).sha256, digestOf(long.join('')));
      }),
    );

    it(
      'AR-06 a stream that fails leaves nothing',
      withStore(async (store, bed) => {
        async function* broken(half: string): AsyncGenerator<Uint8Array> {
          yield bytes(half);
          throw new TypeError('cut');
        }
        for (const half of ['half', 'x'.repeat(1_000_000)]) await assert.rejects(store.put(broken(half)), /cut/);
        assert.equal(await bed.count(), 0);
      }),
    );

    it(
      'AR-07 an unknown digest is missing, and has no size; so is what is no digest at all',
      withStore(async (store) => {
        for (const digest of [digestOf('unknown'), 'sha256:../../etc/passwd', 'sha256:AB'] as Digest[]) {
          await assert.rejects(store.open(digest), isTerminal('OBJECT_MISSING'));
          assert.equal(await store.size(digest), null);
        }
      }),
    );

    it('AR-08 rotten bytes end the stream with an error', async (t) => {
      const bed = await open();
      try {
        if (bed.rot === undefined) return t.skip('nobody but the store can change its objects');
        const { sha256 } = await bed.artifacts.put(bytes('good'));
        await bed.rot(sha256, 'evil');
        await assert.rejects(read(bed.artifacts, sha256), isTerminal('OBJECT_DIGEST_MISMATCH'));
      } finally {
        await bed.close();
      }
    });

    it(
      'AR-09 a megabyte passes through in pieces',
      withStore(async (store) => {
        const big = 'x'.repeat(1_048_577);
        const { sha256 } = await store.put(bytes(big));
        const pieces = await Array.fromAsync(await store.open(sha256));
        assert.ok(pieces.length > 1);
        assert.equal(digestOf(Buffer.concat(pieces)), sha256);
      }),
    );
  });
}
