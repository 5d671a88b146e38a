import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import { keys, type RunRow } from '#core/rows.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import type { InboxObject } from '#ports/inbox.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { itemsOf, runOf } from '../../test/support/run-spec.ts';
import { type SubmitDuties, takeInMessages } from './take-in.ts';

function dutiesOf({ flow }: HandlerBed): SubmitDuties & { asked: [string, string | undefined][] } {
  const asked: [string, string | undefined][] = [];
  return {
    flow,
    asked,
    objectOf(key, version) {
      asked.push([key, version]);
      const [folder, queue = '', principal = '', file = ''] = key.split('/');
      const object: InboxObject = {
        key: `${queue}/${principal}/${file}`,
        queue,
        principal,
        submissionId: file.slice(0, -5),
      };
      return folder === 'inbox' ? object : null;
    },
  };
}

const created = (key: string, version?: string): object => toldOf(key, version);
const keyOf = (submissionId: string): string => `inbox/default/${PRINCIPAL}/${submissionId}.json`;
const put = (bed: HandlerBed, submissionId: string): void =>
  putInbox(bed.directory, 'default', submissionId, JSON.stringify(runOf([{ id: 'x' }])));
const isAnswered = (bed: HandlerBed, submissionId: string): boolean =>
  existsSync(join(bed.directory, 'outbox', PRINCIPAL, submissionId)) &&
  readdirSync(join(bed.directory, 'outbox', PRINCIPAL, submissionId)).some((name) => name.startsWith('receipt-'));

describe('submit', () => {
  it('an object is read in the version that arrived, answered and taken away; told of it twice changes nothing', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      put(bed, 'one');
      const event = queueEvent(created(keyOf('one'), 'v7'), created(keyOf('one'), 'v7'));
      assert.deepEqual(failedIds(await takeInMessages(duties, event, bed.told)), []);
      assert.deepEqual(failedIds(await takeInMessages(duties, event, bed.told)), []);
      assert.deepEqual(duties.asked[0], [keyOf('one'), 'v7']);
      assert.ok(isAnswered(bed, 'one'));
      assert.deepEqual(await bed.flow.inbox.list({ limit: 5 }), []);
      assert.equal((await bed.flow.store.query('runs', { prefix: '', limit: 5 })).length, 1);
    });
  });

  it('a run that fits into one transaction is admitted in one, to the items that are ready; a longer one in parts', async () => {
    await withHandlers(async (bed) => {
      const transactions = async (id: string, items: number): Promise<number> => {
        putInbox(bed.directory, 'default', id, JSON.stringify(runOf(itemsOf('i', items))));
        bed.calls.length = 0;
        await takeInMessages(dutiesOf(bed), queueEvent(created(keyOf(id))), bed.told);
        const { state } = await bed.row<RunRow>(keys.run(deriveRunId(PRINCIPAL, id)));
        assert.equal(state, 'running');
        return bed.calls.filter((call) => call === 'store.transact').length;
      };
      // Of each item what is asked of it, how it stands, and its place among what is ready.
      assert.equal(await transactions('short', 24), 1);
      assert.ok((await transactions('long', 30)) > 1);
      assert.equal((await bed.flow.store.query('queue/default', { prefix: 'ready/', limit: 99 })).length, 54);
    });
  });

  it('what is malformed fails alone; what lies elsewhere is nobody’s', async () => {
    await withHandlers(async (bed) => {
      put(bed, 'one');
      const foreign = { Records: [{ eventName: 'ObjectRemoved:Delete', s3: { object: { key: keyOf('one') } } }] };
      const event = queueEvent('no JSON', created(keyOf('one')), foreign, created('uploads/x'), '{}');
      assert.deepEqual(failedIds(await takeInMessages(dutiesOf(bed), event, bed.told)), ['m0', 'm2', 'm4']);
      assert.ok(isAnswered(bed, 'one'));
      assert.equal(bed.told.badRecords.length, 3);
    });
  });

  it('an object that cannot be answered now comes again, and the others are answered', async () => {
    await withHandlers(async (bed) => {
      for (const id of ['one', 'two', 'three']) put(bed, id);
      bed.before = ({ port, method, args }) => {
        const isTwo = method === 'answer' && (args[0] as InboxObject).submissionId === 'two';
        if (port === 'inbox' && isTwo) throw busy();
      };
      const event = queueEvent(...['one', 'two', 'three'].map((id) => created(keyOf(id))));
      assert.deepEqual(failedIds(await takeInMessages(dutiesOf(bed), event, bed.told)), ['m1']);
      assert.deepEqual(
        ['one', 'two', 'three'].map((id) => isAnswered(bed, id)),
        [true, false, true],
      );
      bed.before = () => {};
      assert.deepEqual(failedIds(await takeInMessages(dutiesOf(bed), event, bed.told)), []);
      assert.ok(isAnswered(bed, 'two'));
    });
  });

  it('before the log has begun nothing is answered: a refusal would be wrong in a minute', async () => {
    await withHandlers(
      async (bed) => {
        put(bed, 'one');
        const taking = takeInMessages(dutiesOf(bed), queueEvent(created(keyOf('one'))), bed.told);
        await assert.rejects(taking, { code: 'LOG_NOT_BEGUN', retryable: true });
        // What S3 sends when the bucket is told of the queue comes before all else.
        const tried = queueEvent({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'b' });
        assert.deepEqual(failedIds(await takeInMessages(dutiesOf(bed), tried, bed.told)), []);
        assert.ok(!isAnswered(bed, 'one'));
      },
      { begun: false },
    );
  });
});

function busy(): RetryableError {
  return new RetryableError({ code: 'STORE_BUSY', path: 'test', problem: 'is away', fix: 'Wait.' });
}
