import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { type ItemRow, keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { takeIn } from '#flow/inbox.ts';
import { dispatchRecords } from '#lambdas/dispatch/dispatch-records.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { streamRecord } from '../../test/support/fake-stream.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { runOf } from '../../test/support/run-spec.ts';
import { settleMessages } from './settle-messages.ts';

/** Attempts that hold their claim, by item. */
async function claims(bed: HandlerBed, items: string[]): Promise<Record<string, string>> {
  putInbox(bed.directory, 'default', 's', JSON.stringify(runOf(items.map((id) => ({ id })))));
  await takeIn(bed.flow, () => {});
  await advance(bed.flow, 'default');
  const run = deriveRunId(PRINCIPAL, 's');
  const idOf = async (item: string): Promise<string> =>
    (await bed.row<ItemRow>(keys.item(run, item))).attempts[0]?.id ?? '';
  return Object.fromEntries(await Promise.all(items.map(async (item) => [item, await idOf(item)] as const)));
}

async function dispatchAll(bed: HandlerBed, ids: string[]): Promise<void> {
  const claimed = { state: 'claimed', expiresAtMs: 5 };
  const Records = ids.map((id, n) => streamRecord({ ...keys.attempt(id), before: null, after: claimed }, n));
  const duties = { flow: bed.flow, keysInForce: keysInForce(bed.flow) };
  assert.deepEqual(failedIds(await dispatchRecords(duties, { Records }, bed.told)), []);
  await new Promise((resolve) => setImmediate(resolve));
}

async function outcomeOf(bed: HandlerBed, item: string): Promise<string | undefined> {
  const { attempts } = await bed.row<ItemRow>(keys.item(deriveRunId(PRINCIPAL, 's'), item));
  return attempts[0]?.outcome === undefined ? undefined : `${attempts[0].outcome} ${attempts[0].reason}`;
}

const result = (id: string): object => toldOf(`${id}/result.json`, undefined);
const stopped = (startedBy: string, more: object = {}): object => ({
  'detail-type': 'ECS Task State Change',
  detail: { lastStatus: 'STOPPED', startedBy, stopCode: 'EssentialContainerExited', containers: [], ...more },
});
const failed = (name: string, error = 'ECS.ServerException'): object => ({
  'detail-type': 'Step Functions Execution Status Change',
  detail: { name, status: 'FAILED', error, cause: null },
});

describe('settle', () => {
  it('a result, a stopped task and a failed execution end their attempts; the same again changes nothing', async () => {
    await withHandlers(
      async (bed) => {
        const ids = await claims(bed, ['good', 'gone', 'never', 'full']);
        await dispatchAll(bed, Object.values(ids));
        const { good = '', gone = '', never = '', full = '' } = ids;
        const event = queueEvent(
          result(good),
          stopped(gone),
          failed(`a-${never}`),
          stopped(good),
          failed(`a-${full}`, 'ECS.ThrottlingException'),
        );
        const settle = (): Promise<unknown> =>
          settleMessages({ flow: bed.flow, keysInForce: keysInForce(bed.flow) }, event, bed.told);
        await settle();
        const outcomes = await Promise.all(['good', 'gone', 'never', 'full'].map((item) => outcomeOf(bed, item)));
        assert.deepEqual(outcomes, ['succeeded ok', 'lost no_result', 'lost start_failed', 'deferred launch_deferred']);
        const before = await bed.flow.store.get(Object.values(ids).map((id) => keys.attempt(id)));
        await settle();
        assert.deepEqual(await bed.flow.store.get(Object.values(ids).map((id) => keys.attempt(id))), before);
        assert.deepEqual(bed.told.troubles, []);
      },
      {
        execute: (job) =>
          job.item === 'good' ? { outcome: 'succeeded', reason: 'ok', exit: 0 } : new Promise(() => {}),
      },
    );
  });

  it('the end of a worker that has staged its result is left to the result', async () => {
    await withHandlers(async (bed) => {
      const { good = '' } = await claims(bed, ['good']);
      await dispatchAll(bed, [good]);
      while ((await bed.flow.mailbox.staged(good)).result === null)
        await new Promise((resolve) => setImmediate(resolve));
      const settle = (message: object): Promise<unknown> =>
        settleMessages({ flow: bed.flow, keysInForce: keysInForce(bed.flow) }, queueEvent(message), bed.told);
      bed.calls.length = 0;
      await settle(stopped(good));
      assert.equal(await outcomeOf(bed, 'good'), undefined);
      assert.ok(!bed.calls.includes('artifacts.put') && !bed.calls.includes('signer.signStatement'));
      await settle(result(good));
      assert.equal(await outcomeOf(bed, 'good'), 'succeeded ok');
      await settle(stopped(good));
      assert.deepEqual(bed.told.troubles, []);
    });
  });

  it('what is not of an attempt is nobody’s; what is malformed fails alone', async () => {
    await withHandlers(async (bed) => {
      const foreign = [stopped('ecs-svc/123'), failed('somebody'), { ...result('x') }, stopped('f'.repeat(32))];
      const event = queueEvent(...foreign, { 'detail-type': 'Other', detail: {} }, 'no JSON');
      const answer = await settleMessages({ flow: bed.flow, keysInForce: keysInForce(bed.flow) }, event, bed.told);
      assert.deepEqual(failedIds(answer), ['m4', 'm5']);
    });
  });

  it('one that fails comes again alone', async () => {
    await withHandlers(async (bed) => {
      const ids = await claims(bed, ['x', 'y']);
      await dispatchAll(bed, Object.values(ids));
      bed.before = ({ port, method, args }) => {
        if (port === 'mailbox' && method === 'staged' && args[0] === ids.x) throw new RangeError('away');
      };
      const event = queueEvent(result(ids.x ?? ''), result(ids.y ?? ''));
      const answer = await settleMessages({ flow: bed.flow, keysInForce: keysInForce(bed.flow) }, event, bed.told);
      assert.deepEqual(failedIds(answer), ['m0']);
      assert.equal(await outcomeOf(bed, 'y'), 'succeeded ok');
    });
  });
});

describe('dispatch', () => {
  it('records without a claim cost nothing, and nothing is signed before the log has begun', async () => {
    await withHandlers(
      async (bed) => {
        const duties = { flow: bed.flow, keysInForce: keysInForce(bed.flow) };
        const key = keys.attempt('a'.repeat(32));
        const settled = {
          Records: [streamRecord({ ...key, before: { state: 'dispatched' }, after: { state: 'settled' } }, 1)],
        };
        assert.deepEqual(failedIds(await dispatchRecords(duties, settled, bed.told)), []);
        assert.deepEqual(bed.calls, []);
        const claim = { Records: [streamRecord({ ...key, before: null, after: { state: 'claimed' } }, 1)] };
        await assert.rejects(dispatchRecords(duties, claim, bed.told), { code: 'LOG_NOT_BEGUN' });
      },
      { begun: false },
    );
  });
});
