import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { createS3RootLedger, parseRetention } from '#adapters/aws/root-ledger.ts';
import { rootLedgerSuite } from '../conformance/root-ledger.suite.ts';
import { s3Bed } from './s3-bed.ts';

const bed = s3Bed();
const DAY_MS = 86_400_000;
const clock = { nowMs: () => Date.now() };

function ledgerOn(bucket: string, s3: S3Client = bed.s3) {
  return createS3RootLedger({ s3, bucket, retention: { mode: 'COMPLIANCE', days: 2 }, clock });
}

rootLedgerSuite('S3 with Object Lock', async () => {
  const bucket = await bed.bucket('locked');
  return { ledger: ledgerOn(bucket), reopen: async () => ledgerOn(bucket), close: async () => {} };
});

describe('root ledger: S3', () => {
  it('locks every object, however it was written, for the days asked for and at most three hours more', async () => {
    const bucket = await bed.bucket('locked');
    const ledger = ledgerOn(bucket);
    const startMs = Date.now();
    await ledger.put('put', Buffer.from('1'));
    const { version, lockedUntil } = await ledger.anchor('anchor', Buffer.from('1'));
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 3; n += 1) yield Buffer.alloc(600_000, n);
    }
    const large = await ledger.write('write', bytes());
    assert.equal(large.sizeBytes, 1_800_000);
    for (const Key of ['put', 'anchor', 'write']) {
      const head = await bed.s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      assert.equal(head.ObjectLockMode, 'COMPLIANCE', Key);
      const lockedMs = (head.ObjectLockRetainUntilDate?.getTime() ?? 0) - startMs;
      assert.ok(lockedMs >= 2 * DAY_MS && lockedMs <= 2 * DAY_MS + 3 * 3_600_000, `${Key}: ${lockedMs}`);
      assert.equal(head.ServerSideEncryption, 'AES256', Key);
      if (Key !== 'anchor') continue;
      assert.deepEqual([version, lockedUntil], [head.VersionId, head.ObjectLockRetainUntilDate?.toISOString()]);
    }
  });

  it('says who was first without reading a bundle that is there', async () => {
    const bucket = await bed.bucket('locked');
    const ledger = ledgerOn(bucket);
    const asked: string[] = [];
    const observed = {
      send: (command: object, ...rest: []) => {
        asked.push(command.constructor.name);
        return bed.s3.send(command as never, ...rest);
      },
    };
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('bundle');
    }
    await ledger.write('runs/r', bytes());
    await ledgerOn(bucket, observed as unknown as S3Client).write('runs/r', bytes());
    assert.deepEqual(asked, ['PutObjectCommand', 'HeadObjectCommand']);
  });

  it('finds the newest checkpoint again with one listing, and with few when it knows none', async () => {
    const bucket = await bed.bucket('locked');
    const ledger = ledgerOn(bucket);
    for (const size of [3, 40, 41])
      await ledger.put(`checkpoints/${String(size).padStart(20, '0')}`, Buffer.from(String(size)));
    assert.equal(Buffer.from((await ledger.newestCheckpoint()) ?? []).toString(), '41');
    await ledger.put(`checkpoints/${String(99).padStart(20, '0')}`, Buffer.from('99'));
    assert.equal(Buffer.from((await ledger.newestCheckpoint()) ?? []).toString(), '99');
  });
});

test('root ledger: S3: a retention is typed out or refused', () => {
  assert.deepEqual(parseRetention('COMPLIANCE:3650'), { mode: 'COMPLIANCE', days: 3650 });
  assert.deepEqual(parseRetention('GOVERNANCE:1'), { mode: 'GOVERNANCE', days: 1 });
  for (const text of ['', 'COMPLIANCE', 'COMPLIANCE:0', 'compliance:1', 'GOVERNANCE:1.5', 'NONE:1', 'COMPLIANCE:-1']) {
    assert.throws(() => parseRetention(text), { code: 'USAGE' }, text);
  }
});
