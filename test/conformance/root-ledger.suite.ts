/** The contract of the root ledger port, over any adapter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import type { RootLedger } from '#ports/root-ledger.ts';
import { aroundBed } from './around-bed.ts';

export interface RootLedgerBed {
  ledger: RootLedger;
  /** The same objects through a new adapter. */
  reopen(): Promise<RootLedger>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function* parts(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytes(text);
}

function isTerminal(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TerminalError && error.code === code;
}

async function textOf(stream: AsyncIterable<Uint8Array> | null): Promise<string | null> {
  if (stream === null) return null;
  let text = '';
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return text;
}

export function rootLedgerSuite(name: string, open: () => Promise<RootLedgerBed>): void {
  const withLedger = (use: (ledger: RootLedger, bed: RootLedgerBed) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed.ledger, bed));

  describe(`root ledger: ${name}`, () => {
    it(
      'RL-01 an absent object is null, as bytes and as a stream',
      withLedger(async (ledger) => {
        assert.deepEqual([await ledger.get('a/b'), await ledger.open('a/b')], [null, null]);
      }),
    );

    it(
      'RL-02 what was put is read back, also by a later adapter',
      withLedger(async (ledger, bed) => {
        await ledger.put('tile/0/x001/067', bytes('tile'));
        const again = await bed.reopen();
        assert.equal(Buffer.from((await again.get('tile/0/x001/067')) ?? []).toString(), 'tile');
        assert.equal(await textOf(await again.open('tile/0/x001/067')), 'tile');
      }),
    );

    it(
      'RL-03 the same bytes again change nothing and resolve',
      withLedger(async (ledger) => {
        await ledger.put('a', bytes('1'));
        await ledger.put('a', bytes('1'));
        assert.equal(Buffer.from((await ledger.get('a')) ?? []).toString(), '1');
      }),
    );

    it(
      'RL-04 other bytes under a used key are refused and the first stay',
      withLedger(async (ledger) => {
        await ledger.put('a', bytes('1'));
        await assert.rejects(ledger.put('a', bytes('2')), isTerminal('OBJECT_CONFLICT'));
        await assert.rejects(ledger.write('a', parts('2')), isTerminal('OBJECT_CONFLICT'));
        assert.equal(Buffer.from((await ledger.get('a')) ?? []).toString(), '1');
      }),
    );

    it(
      'RL-05 write tells digest and size, and doing it again tells the same',
      withLedger(async (ledger) => {
        const expected = { sha256: digestOf('onetwo'), sizeBytes: 6 };
        assert.deepEqual(await ledger.write('runs/r/b.jsonl', parts('one', 'two')), expected);
        assert.deepEqual(await ledger.write('runs/r/b.jsonl', parts('onetwo')), expected);
      }),
    );

    it(
      'RL-06 a stream that fails leaves no object',
      withLedger(async (ledger) => {
        const failing = async function* (): AsyncGenerator<Uint8Array> {
          yield bytes('half');
          throw new RangeError('broken');
        };
        await assert.rejects(ledger.write('b', failing()), RangeError);
        assert.equal(await ledger.get('b'), null);
        await ledger.write('b', parts('whole'));
      }),
    );

    it(
      'RL-07 nobody sees an object before its stream has ended',
      withLedger(async (ledger) => {
        let seen: Uint8Array | null | undefined;
        const slow = async function* (): AsyncGenerator<Uint8Array> {
          yield bytes('half');
          seen = await ledger.get('c');
          yield bytes('whole');
        };
        await ledger.write('c', slow());
        assert.equal(seen, null);
      }),
    );

    it(
      'RL-08 of two writers with different bytes exactly one wins',
      withLedger(async (ledger) => {
        const results = await Promise.allSettled([ledger.write('d', parts('1')), ledger.write('d', parts('2'))]);
        assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      }),
    );

    it(
      'RL-09 list is sorted, by prefix, after and up to',
      withLedger(async (ledger) => {
        for (const key of ['x/b', 'x/a', 'y', 'x/c']) await ledger.put(key, bytes(key));
        assert.deepEqual(await ledger.list('x/', { limit: 10 }), ['x/a', 'x/b', 'x/c']);
        assert.deepEqual(await ledger.list('x/', { after: 'x/a', limit: 1 }), ['x/b']);
        assert.deepEqual(await ledger.list('z', { limit: 10 }), []);
      }),
    );

    it(
      'RL-10 the newest checkpoint is the one of the largest size',
      withLedger(async (ledger) => {
        assert.equal(await ledger.newestCheckpoint(), null);
        for (const size of ['2', '11', '9']) await ledger.put(`checkpoints/${size.padStart(20, '0')}`, bytes(size));
        assert.equal(Buffer.from((await ledger.newestCheckpoint()) ?? []).toString(), '11');
      }),
    );

    it(
      'RL-12 whoever anchors first is answered to all, with the same receipt',
      withLedger(async (ledger, bed) => {
        const all = await Promise.all(['1', '2', '3'].map((text) => ledger.anchor('checkpoints/1', bytes(text))));
        const again = await (await bed.reopen()).anchor('checkpoints/1', bytes('4'));
        const standing = (await ledger.get('checkpoints/1')) ?? bytes('none');
        for (const anchored of [...all, again]) assert.deepEqual(Buffer.from(anchored.bytes), Buffer.from(standing));
        for (const { version, lockedUntil } of all)
          assert.deepEqual([version, lockedUntil], [again.version, again.lockedUntil]);
        assert.ok(['1', '2', '3'].includes(Buffer.from(standing).toString()));
      }),
    );

    for (const key of ['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a/.', '.hidden', 'a b', 'a\\b', 'a\0', 'ä']) {
      it(
        `RL-11 the key ${JSON.stringify(key)} is refused`,
        withLedger(async (ledger) => {
          await assert.rejects(ledger.put(key, bytes('x')), isTerminal('KEY_INVALID'));
          await assert.rejects(ledger.get(key), isTerminal('KEY_INVALID'));
        }),
      );
    }
  });
}
