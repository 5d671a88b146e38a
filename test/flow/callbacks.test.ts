/** Somebody outside is told once that a run has ended, or not at all; and the deployment knows which. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { concludeAbort } from '#flow/abort.ts';
import { callBack, giveUpCallback, giveUpCallbacks, sendCallbacks } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Callbacks, Delivery } from '#ports/callbacks.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { abortOf, runOf } from '../support/run-spec.ts';

const X = runOf([{ id: 'x' }], { callback: 'ops' });
const DEAD = new TerminalError({ code: 'STORE_FAILED', path: 'test', problem: 'the process has died', fix: 'Go on.' });

function recording(delivery: Delivery): { callbacks: Callbacks; sent: [string, string][] } {
  const sent: [string, string][] = [];
  const callbacks: Callbacks = {
    endpoints: new Set(['ops']),
    async send(endpoint, body) {
      sent.push([endpoint, new TextDecoder().decode(body)]);
      return delivery;
    },
  };
  return { callbacks, sent };
}

const TAKEN: Delivery = { state: 'delivered', detail: 'it was answered with 204' };
const REFUSED: Delivery = { state: 'undelivered', detail: 'it was answered with 500' };

describe('flow: callbacks', { concurrency: true }, () => {
  it('whoever a spec names is told of the sealed run, and of a run that names nobody nobody is', async () => {
    const { callbacks, sent } = recording(TAKEN);
    await withBed({ execute: () => FAILED, callbacks }, async (bed) => {
      bed.submit('other', runOf([{ id: 'x' }]));
      await finished(bed, 'other');
      const run = bed.submit('s', X);
      const { status } = await finished(bed, 's');
      await bed.until(async () => (await bed.runRow(run))?.callback);
      assert.deepEqual((await bed.runRow(run))?.callback, { endpoint: 'ops', ...TAKEN });
      assert.equal(await bed.row(callbackKey(run)), null);
      assert.equal(sent.length, 1);
      const { sealed, endedAt, origin, ...said } = JSON.parse(sent[0]?.[1] ?? '');
      const about = { id: `${run}/callback`, name: 'tested', run, state: 'failed', submissionId: 's' };
      assert.deepEqual(said, { ...about, type: 'run.ended', v: 1 });
      assert.deepEqual([sealed.bundle, endedAt, origin], [status.bundle?.sha256, status.completedAt, bed.deps.origin]);
      assert.deepEqual(bed.status('s')?.warnings, []);
    });
  });

  it('what was not taken is shown in the status, and is not sent again by another engine', async () => {
    const { callbacks, sent } = recording(REFUSED);
    const first = await openFlowBed({ execute: () => SUCCEEDED, callbacks });
    const run = first.submit('s', X);
    const warned = await first.until(() => first.status('s')?.warnings.find((line) => line.startsWith('UNDELIVERED')));
    assert.equal(warned, 'UNDELIVERED: the callback to ops: it was answered with 500; it is not sent again');
    await first.halt();
    await withBed({ execute: () => SUCCEEDED, callbacks, directory: first.directory }, async (bed) => {
      bed.submit('next', X);
      await bed.until(() => sent.length === 2);
      assert.equal((await bed.runRow(run))?.callback?.state, 'undelivered');
      assert.equal(sent.filter(([, body]) => body.includes(run)).length, 1);
    });
  });

  it('whoever a spec names is told of a run that was aborted by force, by the engine that runs', async () => {
    const { callbacks, sent } = recording(TAKEN);
    const stuck = new Gate();
    // Nobody who is told to stop hears of it: an attempt that ended would bring its run to whoever seals.
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ port, method }, proceed) =>
        (port === 'launcher' && method === 'stop') || (port === 'mailbox' && method === 'cancel')
          ? Promise.resolve()
          : proceed(),
      );
    await withBed({ execute: () => stuck.opened.then(() => SUCCEEDED), callbacks, adapt }, async (bed) => {
      const run = bed.submit('s', X);
      await bed.until(() => bed.status('s')?.counts.running === 1);
      bed.control('a', abortOf(run, 'stuck'));
      await bed.until(() => bed.receipts('a')[0]);
      assert.equal(sent.length, 0, 'it is not over');
      // As its timer does.
      await concludeAbort(flowOn(bed), run, true);
      const told = await bed.until(async () => (await bed.runRow(run))?.callback);
      assert.deepEqual(told, { endpoint: 'ops', ...TAKEN });
      assert.equal((await bed.itemRow(run, 'x'))?.state, 'running', 'nothing but the sweep can have told of it');
      assert.deepEqual(
        sent.map(([, body]) => JSON.parse(body).aborted),
        [{ reason: 'stuck' }],
      );
      stuck.open();
    });
  });

  it('a name that the deployment does not give is refused where the run is submitted', async () => {
    const { callbacks } = recording(TAKEN);
    for (const options of [{}, { callbacks }])
      await withBed({ execute: () => SUCCEEDED, ...options }, async (bed) => {
        bed.submit('s', runOf([{ id: 'x' }], { callback: 'somebody' }));
        const { status, reasons } = await bed.until(() => bed.receipts('s')[0]);
        assert.deepEqual(
          [status, reasons[0]?.code, reasons[0]?.path],
          ['invalid', 'SPEC_UNKNOWN_REFERENCE', 'spec.callback'],
        );
      });
  });

  it('an answer that comes after its callback was given up changes nothing: what the run says of it stays', async () => {
    const [sending, answered] = [new Gate(), new Gate()];
    const callbacks: Callbacks = {
      endpoints: new Set(['ops']),
      async send() {
        sending.open();
        await answered.opened;
        return TAKEN;
      },
    };
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => ({ ...deps, callbacks: callbacks.endpoints });
    await withBed({ execute: () => SUCCEEDED, adapt }, async (bed) => {
      const run = bed.submit('s', X);
      await finished(bed, 's');
      const flow = flowOn(bed);
      const sent = callBack(flow, callbacks, run);
      await sending.opened;
      await giveUpCallback(flow, run, flow.clock.nowMs() + 1);
      const given = (await bed.runRow(run))?.callback;
      assert.equal(given?.state, 'unknown');
      answered.open();
      await sent;
      assert.deepEqual((await bed.runRow(run))?.callback, given);
      assert.equal(await bed.row(callbackKey(run)), null);
    });
  });

  it('a process may die between any two effects: nothing is sent twice, and what nobody can know is unknown', async () => {
    const ends = new Map<string, number>();
    for (let dieAt = 1; dieAt <= 6; dieAt += 1) {
      const { callbacks, sent } = recording(TAKEN);
      // An engine without callbacks leaves it due.
      const first = await openFlowBed({
        execute: () => SUCCEEDED,
        adapt: (deps) => ({ ...deps, callbacks: callbacks.endpoints }),
      });
      const run = first.submit('s', X);
      await finished(first, 's');
      assert.equal((await first.row<CallbackRow>(callbackKey(run)))?.state, 'due');
      const { deps, port } = dying(flowOn(first), callbacks, dieAt);
      const isDead = await callBack(deps, port, run).then(
        () => false,
        (error) => error === DEAD || Promise.reject(error),
      );
      const alive = flowOn(first);
      await giveUpCallbacks(alive);
      await sendCallbacks(alive, callbacks);
      await callBack(alive, callbacks, run);
      const state = (await first.runRow(run))?.callback?.state ?? 'none';
      assert.equal(await first.row(callbackKey(run)), null);
      const expected = sent.length === 1 && !isDead ? 'delivered' : state;
      assert.equal(state, expected);
      assert.ok(sent.length <= 1 && state !== 'none', `dead at ${dieAt}: ${sent.length} sent, ${state}`);
      if (state === 'delivered') assert.equal(sent.length, 1);
      ends.set(`${sent.length} ${state}`, (ends.get(`${sent.length} ${state}`) ?? 0) + 1);
      await first.close();
    }
    // Dead before it was sent and after; and alive.
    assert.deepEqual([...ends.keys()].sort(), ['0 unknown', '1 delivered', '1 unknown']);
  });
});

/** Dies at one of its effects, before it or, where the number is even, behind it; then nothing works any more. */
function dying(base: FlowDeps, callbacks: Callbacks, dieAt: number): { deps: FlowDeps; port: Callbacks } {
  let edges = 0;
  const edge = (): void => {
    edges += 1;
    if (edges >= dieAt) throw DEAD;
  };
  async function effect<T>(act: () => Promise<T>): Promise<T> {
    edge();
    const result = await act();
    edge();
    return result;
  }
  const { store } = base;
  const transact: typeof store.transact = (actions) => effect(() => store.transact(actions));
  const port: Callbacks = {
    endpoints: callbacks.endpoints,
    send: (endpoint, body) => effect(() => callbacks.send(endpoint, body)),
  };
  const mortalStore: FlowDeps['store'] = {
    ...store,
    get: (keys) => store.get(keys),
    query: (pk, range) => store.query(pk, range),
    durable: () => store.durable(),
    transact,
  };
  return { deps: { ...base, store: mortalStore }, port };
}
