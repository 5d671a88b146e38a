import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { RetryableError } from '@waybill/client/errors';
import { readFromAccount } from '#adapters/aws/secret-vault.ts';
import { createHttpCallbacks } from '#adapters/http/callbacks.ts';
import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { type Key, keys, type RunRow } from '#core/rows.ts';
import { overdueCallbacks } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
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
  duties: NotifyDuties;
  server: CallbackServer;
  /** Handles one message about the run; resolves with whether it has to come again. */
  notified(more?: Partial<NotifyDuties>): Promise<boolean>;
  callback(): Promise<RunRow['callback']>;
  due(): Promise<CallbackRow | null>;
}

function asOf(flow: FlowDeps, run: string, of = OVER, row: Partial<CallbackRow> = {}): Promise<unknown> {
  return decide(flow, async (draft) => {
    await draft.readOne(keys.run(run));
    await draft.readOne(callbackKey(run));
    draft.put(keys.run(run), { name: 'x', submissionId: 's', state: 'cancelled', ...of } as RunRow);
    draft.put(callbackKey(run), { endpoint: 'ops', state: 'due', ...row } satisfies CallbackRow);
  });
}

const ARNS = new Map([['ops', 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:ops-AbCdEf']]);

/** As a function reads it, of a service that answers so. */
function keyOf(send: () => Promise<object>, arns = ARNS): NotifyDuties['readKey'] {
  const client = { send };
  return readFromAccount({
    secrets: client as unknown as SecretsManagerClient,
    parameters: client as unknown as SSMClient,
    arns,
  });
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
      await asOf(flow, RUN, of, row);
      const duties: NotifyDuties = {
        flow,
        urls: new Map([['ops', new URL(`${server.url}/hook`)]]),
        readKey: async () => KEY,
        open: (endpoints) => createHttpCallbacks(endpoints, flow.clock),
      };
      await use({
        bed,
        duties,
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

  it('while the key may be had later nothing is written down, and the sweep alone comes back to it', async () => {
    const away = [
      BUSY,
      ...['AccessDeniedException', 'DecryptionFailure', 'InvalidKeyId', 'InvalidRequestException'].map((name) =>
        Object.assign(new Error(name), { name }),
      ),
    ];
    for (const error of away)
      await withRun({}, async ({ server, notified, callback, due, bed }) => {
        const readKey = keyOf(() => Promise.reject(error));
        for (let n = 1; n <= 3; n += 1) {
          assert.equal(await notified({ readKey }), false, 'a message that comes again too would add up');
          assert.deepEqual([server.heard.length, await callback(), (await due())?.state], [0, undefined, 'due']);
          assert.equal(bed.told.troubles.length, n);
          assert.match(bed.told.troubles.at(-1) ?? '', /^callback ops: /);
          assert.deepEqual(await reconciled(bed), [{ run: RUN }]);
        }
        assert.equal(await notified({ readKey: keyOf(async () => ({ SecretString: KEY.toString() })) }), false);
        assert.deepEqual([server.heard.length, (await callback())?.state], [1, 'delivered'], error.name);
      });
  });

  it('a key is read once for all runs of an event', async () => {
    await withRun({}, async ({ bed, duties, server }) => {
      const other = '6'.repeat(32);
      await asOf(bed.flow, other);
      for (const isThere of [false, true]) {
        const asked: string[] = [];
        const readKey = async (name: string): Promise<Uint8Array> => {
          asked.push(name);
          return isThere ? KEY : Promise.reject(BUSY);
        };
        await notifyMessages({ ...duties, readKey }, queueEvent({ run: RUN }, { run: other }), bed.told);
        assert.deepEqual([asked, server.heard.length], [['ops'], isThere ? 2 : 0]);
        assert.equal(bed.told.troubles.length, 1, 'and told of once');
      }
    });
  });

  it('a key that is not to be had, and a name that is nobody any more, are undelivered, and nothing is sent', async () => {
    const gone = ['ResourceNotFoundException', 'ParameterNotFound'].map((name) =>
      Object.assign(new Error(name), { name }),
    );
    const lost = gone.map((error) => keyOf(() => Promise.reject(error)));
    const none = [...lost, keyOf(async () => ({})), keyOf(async () => ({}), new Map())];
    const cases: [Partial<NotifyDuties>, string, number][] = [
      ...none.map((readKey): [Partial<NotifyDuties>, string, number] => [{ readKey }, 'its key is not to be had', 1]),
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

  it('of those that wait there the reconciler looks at so many each minute, and at every one in turn', async () => {
    await withHandlers(async (bed) => {
      const { flow } = bed;
      const runs = [...'123456789'].map((digit) => digit.repeat(32));
      for (const run of runs) await asOf(flow, run, run.startsWith('8') ? OVER : {});
      const read: string[] = [];
      bed.before = ({ port, method, args }) => {
        if (port !== 'store' || method !== 'get') return;
        read.push(...(args[0] as Key[]).filter(({ sk }) => sk === 'run').map(({ pk }) => pk));
      };
      const looks: [found: string[], read: number][] = [];
      for (let n = 0; n < 5; n += 1) {
        read.length = 0;
        looks.push([await overdueCallbacks(flow, 0, 4), read.length]);
      }
      const eighth = runs[7] ?? '';
      assert.deepEqual(looks, [
        [[], 4],
        [[eighth], 4],
        [[], 4],
        [[], 4],
        [[eighth], 4],
      ]);
    });
  });
});
