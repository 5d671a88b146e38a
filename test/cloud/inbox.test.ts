import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Receipt } from '@waybill/client/documents';
import { digestOf } from '@waybill/verify';
import { createS3Inbox } from '#adapters/aws/inbox.ts';
import { objectOfEvent } from '#adapters/aws/inbox-names.ts';
import type { Inbox } from '#ports/inbox.ts';
import { type InboxBed, inboxSuite } from '../conformance/inbox.suite.ts';
import { s3Bed } from './s3-bed.ts';
import { submitterOn } from './submitter.ts';

const bed = s3Bed();

interface S3InboxBed extends InboxBed {
  inbox: Inbox;
  bucket: string;
}

async function open(): Promise<S3InboxBed> {
  const bucket = await bed.bucket('versioned');
  const submitter = await submitterOn(bed, bucket);
  const put = async (Key: string, Body: Uint8Array): Promise<void> => {
    await submitter.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, IfNoneMatch: '*' }));
  };
  return {
    bucket,
    inbox: createS3Inbox({ s3: bed.s3, bucket }),
    principal: submitter.principal,
    write: (key, bytes) => put(`inbox/${key}`, bytes),
    upload: (name, bytes) => put(`uploads/${submitter.principal}/${name}`, bytes),
    async outbox(path) {
      const found = await submitter.s3.send(new GetObjectCommand({ Bucket: bucket, Key: `outbox/${path}` }));
      return JSON.parse((await found.Body?.transformToString()) ?? 'null');
    },
    async quarantined() {
      const found = await bed.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'quarantine/' }));
      return (found.Contents ?? []).map(({ Key = '' }) => Key);
    },
    close: async () => {},
  };
}

inboxSuite('S3', open, {
  forging: { as: 'AIDASOMEBODYELSE1', meets: 'a refusal' },
  // S3 tells a queue of every object.
  hints: false,
});

describe('inbox: S3', () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const receiptOf = (principal: string, status: Receipt['status']): Receipt => ({
    v: 1,
    status,
    principal,
    submissionId: 'one',
    submission: digestOf('{}'),
    reasons: [],
    at: '2026-01-01T00:00:00.000Z',
  });

  it('reads, digests and archives the version that the event named, and leaves what came after it', async () => {
    const { inbox, write, principal } = await open();
    await write(`default/${principal}/one.json`, bytes('first'));
    const [first] = await inbox.list({ limit: 10 });
    assert.ok(first?.version);
    assert.ok(Math.abs(Date.now() - (first.arrivedAtMs ?? 0)) < 60_000, 'when it came, in whole seconds of the store');
    await inbox.archive(first, 'done');
    await write(`default/${principal}/one.json`, bytes('second'));
    // A second delivery of the first event.
    assert.equal(await inbox.read(first, 100), null);
    assert.equal(await inbox.digest(first), null);
    await inbox.archive(first, 'done');
    const [second] = await inbox.list({ limit: 10 });
    assert.ok(second?.version && second.version !== first.version);
    assert.equal(Buffer.from((await inbox.read(second, 100)) as Uint8Array).toString(), 'second');
  });

  it('finds the version itself where an event names none', async () => {
    const { inbox, write, principal } = await open();
    await write(`default/${principal}/one.json`, bytes('text'));
    const object = objectOfEvent(`inbox/default/${principal}/one.json`);
    assert.ok(object !== null && object.version === undefined);
    assert.equal(await inbox.digest(object), digestOf('text'));
    await inbox.archive(object, 'done');
    assert.deepEqual(await inbox.list({ limit: 10 }), []);
  });

  it('lists on behind many objects that were taken away, and behind odd names', async () => {
    const { inbox, write, principal } = await open();
    const names = ['a+b.json', 'a&b<c>.json', "it's.json", 'ctl\u0001.json', '100%.json', 'x'];
    for (const name of names) await write(`default/${principal}/${name}`, bytes(name));
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const [object] = await inbox.list({ limit: 1, ...(after === undefined ? {} : { after }) });
      if (object === undefined) break;
      seen.push(object.key.split('/')[2] ?? '');
      assert.equal(Buffer.from((await inbox.read(object, 100)) as Uint8Array).toString(), seen.at(-1));
      if (object.badlyNamed !== undefined) await inbox.archive(object, 'quarantine');
      after = object.key;
    }
    assert.deepEqual(seen.sort(), names.sort());
    assert.deepEqual(await inbox.list({ limit: 10 }), []);
  });

  it('an acceptance and refusals at once leave the acceptance', async () => {
    const { inbox, outbox, write, principal } = await open();
    await write(`default/${principal}/one.json`, bytes('{}'));
    const [object] = await inbox.list({ limit: 1 });
    assert.ok(object);
    const statuses = ['invalid', 'denied', 'accepted', 'invalid', 'denied'] as const;
    await Promise.all(statuses.map((status) => inbox.answer(object, receiptOf(principal, status))));
    const receipt = (await outbox(`${principal}/one/receipt-${digestOf('{}').slice(7, 23)}.json`)) as Receipt;
    assert.equal(receipt.status, 'accepted');
  });

  it('nobody writes over a submission, not even its writer', async () => {
    const { inbox, write, principal } = await open();
    await write(`default/${principal}/one.json`, bytes('first'));
    await assert.rejects(write(`default/${principal}/one.json`, bytes('second')), { name: 'PreconditionFailed' });
    const [object] = await inbox.list({ limit: 1 });
    assert.ok(object);
    assert.equal(Buffer.from((await inbox.read(object, 100)) as Uint8Array).toString(), 'first');
  });
});

describe('inbox: S3: names in events', () => {
  const ROLE = 'AROAEXAMPLEROLEID1234:me+you@example.com';

  it('are taken as they are, with their version', () => {
    const plain = objectOfEvent(`inbox/default/${ROLE}/one.json`, 'v1');
    assert.deepEqual(plain, {
      key: `default/${ROLE}/one.json`,
      queue: 'default',
      principal: ROLE,
      submissionId: 'one',
      version: 'v1',
    });
  });

  it('of other prefixes are no submissions, and odd ones are answered as badly named', () => {
    for (const key of ['outbox/x/y/status.json', 'uploads/x/y', 'inboxes/a/b/c.json', '']) {
      assert.equal(objectOfEvent(key), null, key);
    }
    for (const rest of [
      'a',
      'default/short/one.json',
      `default/${ROLE}/deep/one.json`,
      `De fault/${ROLE}/one.json`,
      `default/${ROLE}/%zz.json`,
      `default/${ROLE}/`,
      `../${ROLE}/one.json`,
    ]) {
      const object = objectOfEvent(`inbox/${rest}`);
      assert.ok(object?.badlyNamed !== undefined, rest);
      assert.match(object.submissionId, /^invalid-[0-9a-f]{16}$/);
      assert.equal(object.key, rest);
    }
  });
});
