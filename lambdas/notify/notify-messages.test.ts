import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { createHttpCallbacks } from '#adapters/http/callbacks.ts';
import { unavailable } from '#composition/secret-vault.ts';
import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { decide, peek } from '#flow/transaction.ts';
import { reconcile } from '#lambdas/reconcile/reconcile.ts';
import { CALLBACK_PATIENCE_MS } from '#lambdas/shared/callback-message.ts';
import { type CallbackServer, callbackServer, isSignedBy, TLS_HOST } from '../../test/support/callback-server.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { OpensslAuthority } from '../../test/support/openssl-authority.ts';
import { dutiesOf as reconcilerOf, TICK } from '../../test/support/reconcile-bed.ts';
import { type NotifyDuties, notifyMessages } from './notify-messages.ts';

const KEY = Buffer.from('k'.repeat(32));
const RUN = '5'.repeat(32);
const BUSY = new RetryableError({ code: 'STORE_BUSY', path: 'secret ops', problem: 'is busy', fix: 'Wait.' });
const OVER: Partial<RunRow> = { abortedAtMs: 5 };

interface Case {
  bed: HandlerBed;
  server: CallbackServer;
  /** Handles one message about the run; resolves with whether it has to come again. */
  notified(more?: Partial<NotifyDuties>): Promise<boolean>;
  callback(): Promise<RunRow['callback']>;
  due(): Promise<CallbackRow | null>;
}

async function withRun(
  {
    of = OVER,
    row = {},
    status = 204,
    identity,
  }: { of?: Partial<RunRow>; row?: Partial<CallbackRow>; status?: number; identity?: { key: string; cert: string } },
  use: (given: Case) => Promise<void>,
): Promise<void> {
  const server = await callbackServer(() => status, identity);
  try {
    await withHandlers(async (bed) => {
      const { flow } = bed;
      await decide(flow, async (draft) => {
        await draft.readOne(keys.run(RUN));
        await draft.readOne(callbackKey(RUN));
        draft.put(keys.run(RUN), { name: 'x', submissionId: 's', state: 'cancelled', ...of } as RunRow);
        draft.put(callbackKey(RUN), { endpoint: 'ops', state: 'due', ...row } satisfies CallbackRow);
      });
      const duties: NotifyDuties = {
        flow,
        urls: new Map([['ops', new URL(`${server.url}/hook`)]]),
        readKey: async () => KEY,
        open: (endpoints) => createHttpCallbacks(endpoints, flow.clock),
      };
      await use({
        bed,
        server,
        notified: async (more = {}) =>
          failedIds(await notifyMessages({ ...duties, ...more }, queueEvent({ run: RUN }), bed.told)).length > 0,
        callback: async () => (await bed.row<RunRow>(keys.run(RUN))).callback,
        due: () => peek<CallbackRow>(flow, callbackKey(RUN)),
      });
    });
  } finally {
    await server.close();
  }
}

/** Runs that the reconciler sends word of, of this one. */
async function reconciled(bed: HandlerBed): Promise<object[]> {
  const duties = reconcilerOf(bed);
  await reconcile(duties, TICK, bed.told);
  return duties.callbacks.sent.map(({ body }) => body);
}

describe('notify', () => {
  it('whoever a run names is told once of its end, by the key of that name; a message that comes again tells nobody', async () => {
    await withRun({}, async ({ server, notified, callback, due, bed }) => {
      const asked: string[] = [];
      const readKey = async (name: string) => {
        asked.push(name);
        return Buffer.from(`${KEY}\n`);
      };
      for (let n = 0; n < 3; n += 1) assert.equal(await notified({ readKey }), false);
      assert.deepEqual(asked, ['ops']);
      const [one, ...others] = server.heard;
      assert.ok(one !== undefined && others.length === 0);
      assert.equal(one.path, '/hook');
      assert.equal(isSignedBy(KEY, one), true);
      assert.equal(isSignedBy(Buffer.from('x'.repeat(32)), one), false);
      assert.deepEqual(JSON.parse(one.body).aborted, { reason: '' });
      assert.deepEqual(await callback(), { endpoint: 'ops', state: 'delivered', detail: 'it was answered with 204' });
      assert.equal(await due(), null);
      assert.deepEqual(await reconciled(bed), []);
    });
  });

  it('two messages at once tell one time', async () => {
    await withRun({}, async ({ server, notified }) => {
      assert.deepEqual(await Promise.all([notified(), notified()]), [false, false]);
      assert.equal(server.heard.length, 1);
    });
  });

  it('one who refuses, and one who points elsewhere, are told once, and the run keeps that it was not delivered', async () => {
    for (const status of [500, 302])
      await withRun({ status }, async ({ server, notified, callback }) => {
        assert.equal(await notified(), false);
        assert.equal(await notified(), false);
        assert.deepEqual(
          server.heard.map(({ path }) => path),
          ['/hook'],
        );
        assert.deepEqual(await callback(), {
          endpoint: 'ops',
          state: 'undelivered',
          detail: `it was answered with ${status}`,
        });
      });
  });

  it('who answers at the address and cannot show that it is theirs is told nothing', async () => {
    const authority = new OpensslAuthority();
    try {
      const { certificate, key } = authority.certify('stranger', { extensions: [`subjectAltName=IP:${TLS_HOST}`] });
      const identity = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
      await withRun({ identity }, async ({ server, notified, callback }) => {
        assert.equal(await notified(), false);
        assert.deepEqual([server.heard.length, (await callback())?.state], [0, 'undelivered']);
      });
    } finally {
      authority.close();
    }
  });

  it('while the key may be had later nothing is written down, and the message comes again', async () => {
    await withRun({}, async ({ server, notified, callback, due, bed }) => {
      assert.equal(await notified({ readKey: () => Promise.reject(BUSY) }), true);
      assert.deepEqual([server.heard.length, await callback(), (await due())?.state], [0, undefined, 'due']);
      assert.deepEqual(await reconciled(bed), [{ run: RUN }]);
      assert.equal(await notified(), false);
      assert.equal((await callback())?.state, 'delivered');
    });
  });

  it('a key that is not to be had, and a name that is nobody any more, are undelivered, and nothing is sent', async () => {
    const gone = unavailable('ops', 'is not there', 'Look.');
    const cases: [Partial<NotifyDuties>, string, number][] = [
      [{ readKey: () => Promise.reject(gone) }, 'its key is not to be had', 1],
      [{ readKey: async () => KEY.subarray(1) }, 'its key is not to be had', 1],
      [{ urls: new Map() }, 'the deployment names nobody so any more', 0],
    ];
    for (const [more, detail, troubles] of cases)
      await withRun({}, async ({ bed, server, notified, callback }) => {
        assert.equal(await notified(more), false);
        assert.deepEqual(await callback(), { endpoint: 'ops', state: 'undelivered', detail });
        assert.deepEqual([server.heard.length, bed.told.troubles.length], [0, troubles]);
      });
  });

  it('what somebody else is sending is left to them, and is unknown once they cannot be there any more', async () => {
    const at = (agoMs: number): Partial<CallbackRow> => ({ state: 'sending', sinceMs: Date.now() - agoMs });
    await withRun({ row: at(CALLBACK_PATIENCE_MS - 60_000) }, async ({ bed, server, notified, callback }) => {
      assert.deepEqual(await reconciled(bed), []);
      assert.equal(await notified(), false);
      assert.deepEqual([server.heard.length, await callback()], [0, undefined]);
    });
    await withRun({ row: at(CALLBACK_PATIENCE_MS + 60_000) }, async ({ bed, server, notified, callback }) => {
      assert.deepEqual(await reconciled(bed), [{ run: RUN }]);
      assert.equal(await notified(), false);
      assert.deepEqual([server.heard.length, (await callback())?.state], [0, 'unknown']);
    });
  });

  it('nobody is told of a run that goes on, whoever asks for it', async () => {
    await withRun({ of: {} }, async ({ bed, server, notified, callback }) => {
      assert.deepEqual(await reconciled(bed), []);
      assert.equal(await notified(), false);
      assert.deepEqual([server.heard.length, await callback()], [0, undefined]);
    });
  });
});
