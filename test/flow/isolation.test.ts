/** Where an agent's blocks are kept apart, and where they may therefore run at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { FlowBedOptions } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { eventsOf } from '../support/sealed-events.ts';

const AGENT_RUN = {
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'agents' },
  spec: {
    items: [
      {
        id: 'agent',
        pipeline: [
          { block: 'agent', adapter: 'command', command: ['true'] },
          { block: 'capture', what: 'outputs' },
        ],
      },
    ],
  },
};

function isolatedBy(isolation: Exclude<Isolation, 'in-process'>): FlowBedOptions {
  return {
    execute: async () => ({ ...SUCCEEDED, outputs: { made: Buffer.from('made') } }),
    adapt: (deps) => ({ ...deps, worker: { ...deps.worker, isolation, executable: digestOf('the worker') } }),
  };
}

describe('flow: isolation', () => {
  for (const isolation of ['bubblewrap', 'container'] as const) {
    it(`agents run under ${isolation}, and the record says so in event, manifest and provenance`, async () => {
      await withBed(isolatedBy(isolation), async (bed) => {
        bed.submit('s', AGENT_RUN);
        const { states, events } = await finished(bed, 's');
        assert.deepEqual(states, { agent: 'done' });
        const [dispatched] = eventsOf(events, 'attempt.dispatched');
        assert.equal(dispatched?.data.isolation, isolation);
      });
    });
  }

  it('agents are denied where nothing keeps them apart', async () => {
    await withBed(isolatedBy('none'), async (bed) => {
      bed.submit('s', AGENT_RUN);
      const [receipt] = await bed.until(() => (bed.receipts('s').length > 0 ? bed.receipts('s') : null));
      assert.deepEqual([receipt?.status, receipt?.reasons[0]?.code], ['denied', 'ISOLATION_REQUIRED']);
    });
  });
});
