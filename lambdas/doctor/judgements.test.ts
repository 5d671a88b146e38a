import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogHeadRow } from '#core/rows.ts';
import { listeningTold } from '../../test/support/listening-told.ts';
import { examine, fail, ok, warn } from './examine.ts';
import {
  judgeBucket,
  judgeDeadLetters,
  judgeImages,
  judgeKey,
  judgeLedger,
  judgeLog,
  judgeQuota,
  judgeTable,
} from './judgements.ts';

const HOUR_MS = 3_600_000;
const DIGEST = `sha256:${'0'.repeat(64)}`;

describe('doctor: what each answer means', () => {
  it('a table must be streamed, backed up and protected', () => {
    const table = { status: 'ACTIVE', protected: true, images: 'NEW_AND_OLD_IMAGES', backups: 'ENABLED' };
    assert.equal(judgeTable(table).state, 'ok');
    assert.equal(judgeTable({ ...table, protected: false }).state, 'warn');
    for (const wrong of [{ status: 'DELETING' }, { images: 'KEYS_ONLY' }, { backups: 'DISABLED' }]) {
      assert.equal(judgeTable({ ...table, ...wrong }).state, 'fail', JSON.stringify(wrong));
    }
    assert.equal(judgeTable({}).state, 'fail');
  });

  it('a ledger without its lock or its versions proves nothing; GOVERNANCE is said', () => {
    const ledger = { lock: 'Enabled', versioning: 'Enabled' };
    assert.equal(judgeLedger(ledger, 'COMPLIANCE:3650').state, 'ok');
    assert.equal(judgeLedger(ledger, 'GOVERNANCE:1').state, 'warn');
    assert.equal(judgeLedger({ versioning: 'Enabled' }, 'COMPLIANCE:1').state, 'fail');
    assert.equal(judgeLedger({ ...ledger, versioning: 'Suspended' }, 'COMPLIANCE:1').state, 'fail');
  });

  it('buckets are private, tell of their objects, and keep versions or not as their use needs', () => {
    const bucket = { versioning: 'Enabled', isPrivate: true, tellsEvents: true, expires: true };
    const inbox = { versions: true, events: true, expiry: false };
    const staging = { versions: false, events: true, expiry: true };
    const unversioned = { isPrivate: true, tellsEvents: true, expires: true };
    assert.equal(judgeBucket(bucket, inbox).state, 'ok');
    assert.equal(judgeBucket(unversioned, staging).state, 'ok');
    assert.equal(judgeBucket({ ...bucket, isPrivate: false }, inbox).state, 'fail');
    assert.equal(judgeBucket({ ...bucket, tellsEvents: false }, inbox).state, 'fail');
    assert.equal(judgeBucket(unversioned, inbox).state, 'fail');
    assert.equal(judgeBucket(bucket, staging).state, 'warn');
    assert.equal(judgeBucket({ ...unversioned, expires: false }, staging).state, 'warn');
  });

  it('keys, images, dead letters and quotas', () => {
    assert.equal(judgeKey({ spec: 'ECC_NIST_P256', usage: 'SIGN_VERIFY' }, 'ECC_NIST_P256').state, 'ok');
    assert.equal(judgeKey({ spec: 'ECC_NIST_P256', usage: 'KEY_AGREEMENT' }, 'ECC_NIST_P256').state, 'fail');
    assert.equal(judgeKey({ spec: 'RSA_2048', usage: 'SIGN_VERIFY' }, 'ECC_NIST_P256').state, 'fail');
    assert.equal(judgeImages([`repo@${DIGEST}`]).state, 'ok');
    assert.equal(judgeImages([`repo@${DIGEST}`, 'repo:latest']).state, 'fail');
    assert.equal(judgeImages([]).state, 'fail');
    assert.equal(judgeDeadLetters({ a: 0, b: 0 }).state, 'ok');
    assert.match(judgeDeadLetters({ a: 0, b: 3 }).found, /^b: 3$/);
    assert.equal(judgeQuota(6, 24).state, 'ok');
    assert.equal(judgeQuota(6, 25).state, 'warn');
  });

  it('a log must have begun, must not be silent, and should be published', () => {
    const tree = { size: 5, frontier: [] };
    const head: LogHeadRow = { tree, published: tree, runSeq: 1, open: 0, lastAtMs: 1_000 };
    const keys = { keys: [] };
    assert.equal(judgeLog({ head, keys }, HOUR_MS, HOUR_MS).state, 'ok');
    assert.equal(judgeLog({ head, keys }, 3 * HOUR_MS, HOUR_MS).state, 'fail');
    assert.equal(judgeLog({ head: null, keys: null }, 0, HOUR_MS).state, 'warn');
    assert.equal(
      judgeLog({ head: { ...head, tree: { size: 6, frontier: [] } }, keys }, HOUR_MS, HOUR_MS).state,
      'warn',
    );
  });
});

describe('doctor: the report', () => {
  it('has the worst state of its checks, and one that cannot be made hides no other', async () => {
    const told = listeningTold();
    const good = { fine: async () => ok('x') };
    assert.equal((await examine(good, {}, told)).state, 'ok');
    assert.equal((await examine({ ...good, old: async () => warn('x', 'y') }, {}, told)).state, 'warn');
    const report = await examine(
      { ...good, broken: async () => fail('x', 'y'), closed: () => Promise.reject(new RangeError('no')) },
      {},
      told,
    );
    assert.equal(report.state, 'fail');
    assert.deepEqual(
      report.findings.map(({ check, state }) => [check, state]),
      [
        ['fine', 'ok'],
        ['broken', 'fail'],
        ['closed', 'unknown'],
      ],
    );
  });
});
