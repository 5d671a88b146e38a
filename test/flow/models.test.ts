/** Models of a deployment: what may name them, where attempts are given sessions with them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FlowBedOptions } from '../support/embedded-flow.ts';
import { SUCCEEDED, withBed } from '../support/finished-run.ts';

const askingItem = (model: string, more: object = {}): object => ({
  id: 'one',
  pipeline: [{ block: 'agent', adapter: 'bedrock', model, prompt: 'Do it.' }],
  ...more,
});
const asking = (model: string, more: object = {}, around: object = {}): object => ({
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'models' },
  spec: { ...around, items: [askingItem(model, more)] },
});

it('models: a run that names a model that the deployment lacks is refused, and one that may outlast its session', async () => {
  const adapt: FlowBedOptions['adapt'] = (deps) => ({
    ...deps,
    worker: { ...deps.worker, isolation: 'container', givesModels: new Set(['eu.model-1:0', 'small']) },
  });
  await withBed({ execute: () => SUCCEEDED, adapt }, async (bed) => {
    const refusals = async (id: string, run: object): Promise<object[]> => {
      bed.submit(id, run);
      return (await bed.until(() => bed.receipts(id)[0])).reasons;
    };
    const code = 'MODEL_UNAVAILABLE';
    assert.deepEqual(await refusals('unknown', asking('lost')), [
      {
        code,
        path: 'spec.items[0].pipeline[0].model',
        problem: 'this deployment has no model "lost"',
        fix: 'Use one of eu.model-1:0, small, or have it added to the models of the deployment.',
      },
    ]);
    assert.deepEqual(await refusals('long', asking('small', { timeout: '61m' })), [
      {
        code,
        path: 'spec.items[0].timeout',
        problem: 'a session with a model lasts an hour, and the item may take longer',
        fix: 'Let it take 1h at most.',
      },
    ]);
    assert.deepEqual(await refusals('hour', asking('small', { timeout: '1h' })), []);
  });
  // Where nobody gives sessions, an image may have what its worker asks models with.
  await withBed(
    { execute: () => SUCCEEDED, adapt: (deps) => ({ ...deps, worker: { ...deps.worker, isolation: 'container' } }) },
    async (bed) => {
      bed.submit('s', asking('lost', { timeout: '2h' }));
      assert.equal((await bed.until(() => bed.receipts('s')[0])).status, 'accepted');
    },
  );
});

it('models: items that are added to a run are refused as well, and so are their environments and secrets', async () => {
  const adapt: FlowBedOptions['adapt'] = (deps) => ({
    ...deps,
    worker: {
      ...deps.worker,
      isolation: 'container',
      givesSecrets: new Set(['token']),
      givesModels: new Set(['small']),
    },
  });
  await withBed({ execute: () => SUCCEEDED, adapt }, async (bed) => {
    const run = bed.submit('s', asking('small', {}, { openEnded: true }));
    assert.equal((await bed.until(() => bed.receipts('s')[0])).status, 'accepted');
    const added = async (id: string, item: object): Promise<unknown[]> => {
      const spec = { verb: 'extend', run, items: [{ ...item, id }] };
      bed.control(id, { apiVersion: 'waybill/v1', kind: 'Control', spec });
      const { status, reasons } = await bed.until(() => bed.receipts(id)[0]);
      return [status, ...reasons.map(({ code, path }) => `${code} ${path}`)];
    };
    const script = { block: 'script', run: 'true', secrets: { A: 'lost' } };
    assert.deepEqual(await added('named', askingItem('lost')), [
      'invalid',
      'MODEL_UNAVAILABLE spec.items[0].pipeline[0].model',
    ]);
    assert.deepEqual(await added('long', askingItem('small', { timeout: '2h' })), [
      'invalid',
      'MODEL_UNAVAILABLE spec.items[0].timeout',
    ]);
    assert.deepEqual(await added('all', { ...askingItem('lost', { environment: 'gpu' }), pipeline: [script] }), [
      'invalid',
      'ENVIRONMENT_UNKNOWN spec.items[0].environment',
      'SECRET_UNAVAILABLE spec.items[0].pipeline[0].secrets.A',
    ]);
    assert.deepEqual(await added('fine', askingItem('small')), ['accepted']);
  });
});
