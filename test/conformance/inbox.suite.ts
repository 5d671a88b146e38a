/** The contract of the inbox port, over any adapter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Receipt, RunStatus, ScheduleList } from '@waybill/client/documents';
import { digestOf } from '@waybill/verify';
import type { Inbox, InboxObject } from '#ports/inbox.ts';
import { aroundBed } from './around-bed.ts';

export interface InboxBed {
  inbox: Inbox;
  /** The principal as whom `write` writes. */
  principal: string;
  /** Puts an object as a client does; `key` is `<queue>/<principal>/<name>`. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  upload(name: string, bytes: Uint8Array): Promise<void>;
  /** A document of the outbox, parsed, or null. */
  outbox(path: string): Promise<unknown>;
  /** Names of quarantined objects. */
  quarantined(): Promise<string[]>;
  close(): Promise<void>;
}

export interface InboxCapabilities {
  /** The principal whose name `write` cannot take: its object reads as forged, or the store does not let it be written. */
  forging: { as: string; meets: 'a forged object' | 'a refusal' };
  /** The adapter itself hears of what arrives. Where it does not, something else brings the hints. */
  hints: boolean;
}

export function inboxSuite(name: string, open: () => Promise<InboxBed>, capabilities: InboxCapabilities): void {
  const withInbox = (use: (bed: InboxBed, inbox: Inbox) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed, bed.inbox));
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const only = async (inbox: Inbox): Promise<InboxObject> => {
    const objects = await inbox.list({ limit: 10 });
    assert.equal(objects.length, 1);
    return objects[0] as InboxObject;
  };
  const receiptFor = (object: InboxObject, text: string): Receipt => ({
    v: 1,
    status: 'accepted',
    principal: object.principal,
    submissionId: object.submissionId,
    submission: digestOf(text),
    reasons: [],
    at: '2026-01-01T00:00:00.000Z',
  });

  describe(`inbox: ${name}`, () => {
    it(
      'IN-01 an empty inbox lists nothing',
      withInbox(async (_bed, inbox) => {
        assert.deepEqual(await inbox.list({ limit: 10 }), []);
      }),
    );

    it(
      'IN-02 an object is listed with queue, principal and submission id, and read as written',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/one.json`, bytes('{"a":1}'));
        const object = await only(inbox);
        assert.deepEqual(
          [object.queue, object.principal, object.submissionId, object.badlyNamed],
          ['default', bed.principal, 'one', undefined],
        );
        assert.equal(Buffer.from((await inbox.read(object, 100)) as Uint8Array).toString(), '{"a":1}');
        assert.equal(await inbox.digest(object), digestOf('{"a":1}'));
      }),
    );

    it(
      'IN-03 an object over the limit is told apart without being read, at exactly one byte more',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/big.json`, bytes('x'.repeat(101)));
        const object = await only(inbox);
        assert.equal(await inbox.read(object, 100), 'too_large');
        assert.equal(((await inbox.read(object, 101)) as Uint8Array).byteLength, 101);
      }),
    );

    it(
      'IN-04 an object under the name of another principal reads as forged, or cannot be written',
      withInbox(async (bed, inbox) => {
        const { as, meets } = capabilities.forging;
        const written = bed.write(`default/${as}/one.json`, bytes('{}'));
        if (meets === 'a refusal') {
          await assert.rejects(written);
          assert.deepEqual(await inbox.list({ limit: 10 }), []);
        } else {
          await written;
          assert.equal(await inbox.read(await only(inbox), 100), 'forged');
        }
      }),
    );

    for (const file of [
      'no-suffix',
      '-dash.json',
      'sp ace.json',
      'a..b.json',
      `${'x'.repeat(129)}.json`,
      'ümlaut.json',
    ]) {
      it(
        `IN-05 ${JSON.stringify(file.slice(0, 20))} is listed as badly named, with an id to be answered under`,
        withInbox(async (bed, inbox) => {
          await bed.write(`default/${bed.principal}/${file}`, bytes('{}'));
          const object = await only(inbox);
          assert.ok(object.badlyNamed);
          assert.match(object.submissionId, /^invalid-[0-9a-f]{16}$/);
          assert.equal(object.principal, bed.principal);
        }),
      );
    }

    it(
      'IN-06 an acceptance stays, whatever is answered later, and a refusal gives way to it',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/one.json`, bytes('{}'));
        const object = await only(inbox);
        const receipt = receiptFor(object, '{}');
        await inbox.answer(object, { ...receipt, status: 'invalid' });
        await inbox.answer(object, receipt);
        await inbox.answer(object, { ...receipt, status: 'invalid' });
        const path = `${bed.principal}/one/receipt-${receipt.submission.slice(7, 23)}.json`;
        assert.deepEqual(await bed.outbox(path), receipt);
      }),
    );

    it(
      'IN-07 receipts for different contents of one id stand side by side',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/one.json`, bytes('{}'));
        const object = await only(inbox);
        const receipts = ['{}', '{"b":2}'].map((text) => receiptFor(object, text));
        for (const receipt of receipts) await inbox.answer(object, receipt);
        for (const receipt of receipts) {
          const path = `${bed.principal}/one/receipt-${receipt.submission.slice(7, 23)}.json`;
          assert.deepEqual(await bed.outbox(path), receipt);
        }
      }),
    );

    it(
      'IN-08 an archived object is listed no more, and archiving twice changes nothing',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/one.json`, bytes('{}'));
        const object = await only(inbox);
        await inbox.archive(object, 'done');
        await inbox.archive(object, 'done');
        assert.deepEqual(await inbox.list({ limit: 10 }), []);
        assert.deepEqual(await bed.quarantined(), []);
        assert.equal(await inbox.read(object, 100), null);
      }),
    );

    it(
      'IN-09 a quarantined object is kept aside',
      withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/bad.json`, bytes('not json'));
        await inbox.archive(await only(inbox), 'quarantine');
        assert.deepEqual(await inbox.list({ limit: 10 }), []);
        assert.equal((await bed.quarantined()).length, 1);
      }),
    );

    it(
      'IN-10 a status replaces the one before it',
      withInbox(async (bed, inbox) => {
        for (const state of ['open', 'done']) await inbox.publish(bed.principal, 'one', { v: 1, state } as RunStatus);
        assert.deepEqual(await bed.outbox(`${bed.principal}/one/status.json`), { v: 1, state: 'done' });
      }),
    );

    it(
      'IN-11 an upload is read by its digest, and an absent one is null',
      withInbox(async (bed, inbox) => {
        await bed.upload(digestOf('pack').slice(7), bytes('pack'));
        const stream = await inbox.openUpload(bed.principal, digestOf('pack'));
        let text = '';
        for await (const chunk of stream ?? []) text += Buffer.from(chunk).toString();
        assert.equal(text, 'pack');
        assert.equal(await inbox.openUpload(bed.principal, digestOf('other')), null);
      }),
    );

    it(
      'IN-12 list stops at its limit and goes on after a key',
      withInbox(async (bed, inbox) => {
        for (let n = 0; n < 5; n += 1) await bed.write(`default/${bed.principal}/s${n}.json`, bytes('{}'));
        const first = await inbox.list({ limit: 3 });
        const rest = await inbox.list({ limit: 3, after: first.at(-1)?.key ?? '' });
        assert.deepEqual(
          [...first, ...rest].map(({ submissionId }) => submissionId),
          ['s0', 's1', 's2', 's3', 's4'],
        );
      }),
    );

    it(
      'IN-14 an object that the engine writes for its principal is one like any other, and is written once',
      withInbox(async (bed, inbox) => {
        const name = { queue: 'default', principal: bed.principal, submissionId: 'slot-nightly' };
        assert.equal(await inbox.put(name, bytes('{"a":1}')), true);
        assert.equal(await inbox.put(name, bytes('{"a":2}')), false);
        const object = await only(inbox);
        assert.equal(object.key, `default/${bed.principal}/slot-nightly.json`);
        assert.equal(Buffer.from((await inbox.read(object, 100)) as Uint8Array).toString(), '{"a":1}');
      }),
    );

    it(
      'IN-15 the list of schedules replaces the one before it',
      withInbox(async (bed, inbox) => {
        const list: ScheduleList = { v: 1, principal: bed.principal, at: '2026-01-01T00:00:00.000Z', schedules: [] };
        for (const at of ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z']) {
          await inbox.publishSchedules({ ...list, at });
        }
        const at = '2026-01-02T00:00:00.000Z';
        assert.deepEqual(await bed.outbox(`${bed.principal}/schedules.json`), { ...list, at });
      }),
    );

    it(`IN-13 an arrival is ${capabilities.hints ? 'hinted at, sooner or later' : 'not hinted at: the adapter cannot hear of it'}`, async () => {
      await withInbox(async (bed, inbox) => {
        await bed.write(`default/${bed.principal}/first.json`, bytes('{}'));
        await inbox.list({ limit: 10 });
        let heard = false;
        const hinted = new Promise<void>((resolve) =>
          inbox.onArrival(() => {
            heard = true;
            resolve();
          }),
        );
        await bed.write(`default/${bed.principal}/second.json`, bytes('{}'));
        if (capabilities.hints) await hinted;
        else assert.equal((await inbox.list({ limit: 10 })).length, 2);
        assert.equal(heard, capabilities.hints);
      })();
    });
  });
}
