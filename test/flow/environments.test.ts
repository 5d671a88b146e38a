/** Items that name a toolchain: where their attempts are launched, what their manifests say ran, and names that are not there. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Digest, digestOf } from '@waybill/verify';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowBed, FlowBedOptions } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const PLAIN = digestOf('the worker');
const PYTHON = digestOf('the worker with Python');
const GPU = digestOf('the worker with CUDA');

interface Launch {
  item: string;
  environment: string | undefined;
  executable: string | undefined;
}

/** A deployment with three environments, which writes down what it launches. */
function having(environments: Map<string, Digest>, launched: Launch[] = []): FlowBedOptions {
  return {
    execute: () => SUCCEEDED,
    adapt: ({ launcher, ...deps }): FlowBed['deps'] => ({
      ...deps,
      worker: { ...deps.worker, isolation: 'container', executable: PLAIN, environments },
      launcher: {
        probe: () => launcher.probe(),
        handleOf: (attemptId, environment) => launcher.handleOf(attemptId, environment),
        stop: (handle, graceMs) => launcher.stop(handle, graceMs),
        alive: (handles) => launcher.alive(handles),
        keep: (handle) => launcher.keep(handle),
        onStopped: (listener) => launcher.onStopped(listener),
        async launch(order) {
          const [row] = await deps.store.get([keys.attempt(order.attemptId)]);
          const attempt = row?.body as AttemptRow | undefined;
          const executable = attempt?.manifest?.executable;
          launched.push({ item: attempt?.item ?? '', environment: order.environment, executable });
          return launcher.launch(order);
        },
      },
    }),
  };
}

const BOTH = new Map([
  ['python', PYTHON],
  ['gpu', GPU],
]);

it('environments: an attempt is launched where its item says, and its manifest names what runs there', async () => {
  const launched: Launch[] = [];
  await withBed(having(BOTH, launched), async (bed) => {
    const items = [{ id: 'plain', environment: 'default' }, { id: 'snake' }, { id: 'card', environment: 'gpu' }];
    bed.submit('s', runOf(items, { defaults: { environment: 'python' } }));
    const { states } = await finished(bed, 's');
    assert.deepEqual(states, { plain: 'done', snake: 'done', card: 'done' });
    assert.deepEqual(
      launched.toSorted((a, b) => (a.item < b.item ? -1 : 1)),
      [
        { item: 'card', environment: 'gpu', executable: GPU },
        { item: 'plain', environment: undefined, executable: PLAIN },
        { item: 'snake', environment: 'python', executable: PYTHON },
      ],
    );
  });
});

it('environments: one that is not there is refused when it is submitted, with those that are', async () => {
  await withBed(having(BOTH), async (bed) => {
    const items = ['rust', 'gpu', 'rust', 'constructor'].map((environment, n) => ({ id: `i${n}`, environment }));
    bed.submit('s', runOf(items));
    const [receipt] = await bed.until(() => (bed.receipts('s').length > 0 ? bed.receipts('s') : null));
    assert.equal(receipt?.status, 'invalid');
    assert.deepEqual(
      receipt?.reasons.map(({ code, path, problem }) => [code, path, problem].join(' ')),
      [
        'ENVIRONMENT_UNKNOWN spec.items[0].environment there is no environment "rust"',
        'ENVIRONMENT_UNKNOWN spec.items[3].environment there is no environment "constructor"',
      ],
    );
    assert.equal(receipt?.reasons[0]?.fix, 'Use one of default, gpu, python.');
  });
});

it('environments: on one machine there is one, and every other is refused', async () => {
  await withBed({ execute: () => SUCCEEDED }, async (bed) => {
    bed.submit('none', runOf([{ id: 'x', environment: 'gpu' }]));
    const [receipt] = await bed.until(() => (bed.receipts('none').length > 0 ? bed.receipts('none') : null));
    assert.deepEqual([receipt?.status, receipt?.reasons[0]?.code], ['invalid', 'ENVIRONMENT_UNKNOWN']);
    assert.equal(receipt?.reasons[0]?.fix, 'Use one of default.');
    bed.submit('default', runOf([{ id: 'x', environment: 'default' }]));
    assert.deepEqual((await finished(bed, 'default')).states, { x: 'done' });
  });
});

it('environments: an item whose environment has gone since is over after one attempt, in which nothing ran', async () => {
  const environments = new Map(BOTH);
  const launched: Launch[] = [];
  const execute = (): typeof SUCCEEDED => {
    environments.delete('gpu');
    return SUCCEEDED;
  };
  await withBed({ ...having(environments, launched), execute }, async (bed) => {
    const card = { id: 'card', environment: 'gpu', dependsOn: ['first'], retry: { maxAttempts: 3 } };
    bed.submit('s', runOf([{ id: 'first' }, card]));
    const { states, item } = await finished(bed, 's');
    assert.deepEqual(states, { first: 'done', card: 'failed' });
    const [attempt, ...more] = item('card')?.attempts ?? [];
    assert.deepEqual([attempt?.outcome, attempt?.reason, more], ['contract_error', 'environment_gone', []]);
    assert.deepEqual(
      launched.map((one) => one.item),
      ['first'],
    );
  });
});
