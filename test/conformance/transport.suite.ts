/** The contract of a client's transport, over any store. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Receipt, RunStatus, Transport } from '@waybill/client';
import { type Digest, digestOf } from '@waybill/verify';
import { aroundBed } from './around-bed.ts';

/** The engine's side of the store, and another client of the same principal. */
export interface TransportBed {
  transport: Transport;
  /** A second transport of the same principal. */
  another(): Transport;
  /** What stands under `inbox/<path>`, or null. */
  inbox(path: string): Promise<Uint8Array | null>;
  /** Takes an answered object out of the inbox. */
  takeAway(path: string): Promise<void>;
  upload(hex: string): Promise<Uint8Array | null>;
  /** Writes `outbox/<path>`, replacing what is there. */
  answer(path: string, bytes: Uint8Array): Promise<void>;
  artifact(digest: Digest, bytes: Uint8Array): Promise<void>;
  ledger(key: string, bytes: Uint8Array): Promise<void>;
  /** Writes the log of an attempt of the principal, as its worker does, replacing what is there; null takes it away. */
  stageLog(attemptId: string, bytes: Uint8Array | null): Promise<void>;
  close(): Promise<void>;
}

const STATUS = {
  v: 1,
  run: 'a'.repeat(32),
  name: 'n',
  principal: 'p',
  submissionId: 'job',
  openedAt: '2026-01-01T00:00:00.000Z',
  counts: {},
  items: [],
};

const RECEIPT: Receipt = {
  v: 1,
  status: 'accepted',
  principal: 'p',
  submissionId: 'job',
  submission: digestOf('{}'),
  reasons: [],
  at: '2026-01-01T00:00:00.000Z',
};

const BAD_IDS = ['', '.', '..', '../x', 'a/b', 'a\\b', 'a..b', '.a', 'a\0', 'x'.repeat(129)];

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function textIn(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('utf8');
}

export function transportSuite(name: string, open: () => Promise<TransportBed>): void {
  const withBed = (use: (bed: TransportBed, transport: Transport) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed, bed.transport));
  const withFile = async (content: string | Uint8Array, use: (path: string) => Promise<void>): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-upload-'));
    try {
      writeFileSync(join(directory, 'file'), content);
      await use(join(directory, 'file'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  describe(`transport: ${name}: what goes in`, () => {
    it(
      'TR-01 a submission is written once, and writing it again says what is there',
      withBed(async ({ inbox, takeAway }, transport) => {
        const path = `default/${transport.principal}/job-1.json`;
        assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":1}')), 'written');
        assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":1}')), 'same');
        assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":2}')), 'other');
        assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":10}')), 'other');
        assert.equal(textIn(await inbox(path)), '{"a":1}');
        await takeAway(path);
        assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":2}')), 'written');
        assert.equal(textIn(await inbox(path)), '{"a":2}');
      }),
    );

    it(
      'TR-02 of 20 writers at once exactly one writes, and the others are told whether it was the same',
      withBed(async ({ another, inbox }, transport) => {
        const documents = Array.from({ length: 20 }, (_, n) => bytesOf('x'.repeat(200_000 + (n % 2))));
        const results = await Promise.all(documents.map((bytes) => another().putSubmission('default', 'job', bytes)));
        assert.equal(results.filter((result) => result === 'written').length, 1);
        const winner = documents[results.indexOf('written')];
        assert.equal((await inbox(`default/${transport.principal}/job.json`))?.length, winner?.length);
        for (const [n, result] of results.entries()) {
          if (result !== 'written') assert.equal(result, documents[n]?.length === winner?.length ? 'same' : 'other');
        }
      }),
    );

    it(
      'TR-03 names that would leave their folder are refused',
      withBed(async (_bed, transport) => {
        const bad = { code: 'KEY_INVALID', retryable: false };
        for (const id of BAD_IDS) {
          await assert.rejects(transport.putSubmission('default', id, bytesOf('{}')), bad, JSON.stringify(id));
          await assert.rejects(async () => transport.readStatus({ principal: 'p', submissionId: id }), bad);
        }
        for (const queue of ['', '..', 'A', '@other', 'a/b']) {
          await assert.rejects(transport.putSubmission(queue, 'a', bytesOf('{}')), bad, queue);
        }
        await assert.rejects(async () => transport.readStatus({ principal: '../x', submissionId: 'a' }), bad);
        for (const key of ['', '../keys', 'a/../../b', '/etc/passwd', 'a//b', 'a/./b']) {
          await assert.rejects(transport.openLedger(key), bad, key);
        }
        for (const digest of ['sha256:..', 'a'.repeat(64)] as Digest[]) {
          await assert.rejects(transport.openArtifact(digest), bad);
          await assert.rejects(transport.putUpload(digest, '/dev/null'), bad);
        }
        assert.equal(await transport.putSubmission('@control', 'x'.repeat(128), bytesOf('{}')), 'written');
      }),
    );

    it(
      'TR-04 an upload is stored under its digest, checked, once',
      withBed(async ({ upload }, transport) => {
        const digest = digestOf('bundle');
        await withFile('bundle', async (path) => {
          await transport.putUpload(digest, path);
          assert.equal(textIn(await upload(digest.slice(7))), 'bundle');
          await transport.putUpload(digest, `${path}-gone`);
          await assert.rejects(transport.putUpload(digestOf('other'), path), { code: 'OBJECT_DIGEST_MISMATCH' });
          await assert.rejects(transport.putUpload(digestOf('x'), `${path}-gone`), { code: 'FILE_UNREADABLE' });
        });
        assert.equal(await upload(digestOf('other').slice(7)), null);
      }),
    );

    it(
      'TR-05 an upload of 20 MiB arrives whole',
      withBed(async ({ upload }, transport) => {
        const large = Buffer.alloc(20 * 1024 * 1024, 'waybill');
        const digest = digestOf(large);
        await withFile(large, (path) => transport.putUpload(digest, path));
        assert.equal(digestOf((await upload(digest.slice(7))) ?? new Uint8Array()), digest);
      }),
    );
  });

  describe(`transport: ${name}: what comes out`, () => {
    it(
      'TR-06 a receipt is the answer to exactly these bytes',
      withBed(async ({ answer }, transport) => {
        const ref = { principal: transport.principal, submissionId: 'job' };
        assert.equal(await transport.readReceipt(ref, digestOf('{}')), null);
        const hex = digestOf('{}').slice(7);
        const path = `${transport.principal}/job/receipt-${hex.slice(0, 16)}.json`;
        await answer(path, bytesOf(JSON.stringify(RECEIPT)));
        assert.deepEqual(await transport.readReceipt(ref, digestOf('{}')), RECEIPT);
        assert.equal(await transport.readReceipt(ref, digestOf('{"other":1}')), null);
      }),
    );

    it(
      'TR-07 a status is the newest one, also when it was read before',
      withBed(async ({ answer }, transport) => {
        const ref = { principal: transport.principal, submissionId: 'job' };
        const path = `${transport.principal}/job/status.json`;
        const write = (state: RunStatus['state']): Promise<void> =>
          answer(path, bytesOf(JSON.stringify({ ...STATUS, state })));
        assert.equal(await transport.readStatus(ref), null);
        await write('open');
        assert.equal((await transport.readStatus(ref))?.state, 'open');
        assert.equal((await transport.readStatus(ref))?.state, 'open');
        await write('done');
        assert.equal((await transport.readStatus(ref))?.state, 'done');
      }),
    );

    it(
      'TR-08 an artifact is checked while it is read',
      withBed(async ({ artifact }, transport) => {
        const digest = digestOf('patch');
        await artifact(digest, bytesOf('patch'));
        assert.equal(await textOf(await transport.openArtifact(digest)), 'patch');
        assert.equal(await textOf(await transport.openArtifact(digest, 5)), 'patch');
        await assert.rejects(transport.openArtifact(digest, 4), { code: 'OBJECT_TOO_LARGE' });
        await assert.rejects(transport.openArtifact(digestOf('none')), { code: 'OBJECT_MISSING' });
        await artifact(digest, bytesOf('patsh'));
        await assert.rejects(transport.openArtifact(digest).then(textOf), { code: 'OBJECT_DIGEST_MISMATCH' });
      }),
    );

    it(
      'TR-09 a ledger object is streamed, a missing one is null',
      withBed(async ({ ledger }, transport) => {
        await ledger('runs/x/run-x.audit.jsonl', bytesOf('lines'));
        const found = await transport.openLedger('runs/x/run-x.audit.jsonl');
        assert.ok(found);
        assert.equal(await textOf(found), 'lines');
        assert.equal(await transport.openLedger('runs/x/none'), null);
        assert.equal(await transport.openLedger('runs/x'), null);
      }),
    );

    it(
      'TR-10 own runs are listed, as many as asked for; answers to control objects and strange names are not',
      withBed(async ({ answer }, transport) => {
        assert.deepEqual(await transport.listRuns(10), []);
        for (const id of ['one', 'two', 'three']) {
          await answer(`${transport.principal}/${id}/status.json`, bytesOf('{}'));
        }
        await answer(`${transport.principal}/control/receipt-0000000000000000.json`, bytesOf('{}'));
        await answer(`${transport.principal}/.hidden/status.json`, bytesOf('{}'));
        await answer('uid-4294967295/theirs/status.json', bytesOf('{}'));
        const listed = (await transport.listRuns(10)).map((ref) => ref.submissionId);
        assert.deepEqual(listed.sort(), ['one', 'three', 'two']);
        assert.equal((await transport.listRuns(2)).length, 2);
        assert.equal((await transport.listRuns(10))[0]?.principal, transport.principal);
      }),
    );

    it(
      'TR-12 the log of a running attempt is read from where the last reading ended, and is gone with its mailbox',
      withBed(async ({ stageLog }, transport) => {
        const id = 'a'.repeat(32);
        const from = async (byte: number): Promise<string | null> => {
          const log = await transport.openLiveLog(id, byte);
          return log === null ? null : textOf(log);
        };
        assert.equal(await from(0), null);
        await stageLog(id, bytesOf(''));
        assert.equal(await from(0), '');
        await stageLog(id, bytesOf('one\n'));
        assert.equal(await from(0), 'one\n');
        assert.equal(await from(4), '');
        await stageLog(id, bytesOf('one\ntwo\n'));
        assert.equal(await from(4), 'two\n');
        assert.equal(await from(100), '');
        await stageLog(id, null);
        assert.equal(await from(4), null);
        for (const bad of ['', '..', 'A'.repeat(32), `${id}/../x`]) {
          await assert.rejects(async () => transport.openLiveLog(bad, 0), { code: 'KEY_INVALID', retryable: false });
        }
      }),
    );

    it(
      'TR-11 changes yields at once and again within seconds, and ends when aborted',
      withBed(async (_bed, transport) => {
        const stop = new AbortController();
        let hints = 0;
        for await (const _hint of transport.changes({ principal: transport.principal, submissionId: 'j' }, stop.signal))
          if (++hints === 3) stop.abort();
        assert.equal(hints, 3);
      }),
    );
  });
}
