/** Where an agent's blocks are kept apart, and where they may therefore run at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Isolation, Job } from '#core/mailbox-protocol.ts';
import { JOB_RESOURCES } from '#core/names.ts';
import type { LaunchOrder } from '#ports/launcher.ts';
import { type FlowBedOptions, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
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

const LIMITED_RUN = {
  ...AGENT_RUN,
  spec: {
    defaults: { resources: { memory: '1Gi', processes: 64 } },
    items: [
      { id: 'limited', pipeline: [{ block: 'script', run: 'true' }], resources: { memory: '512Mi', cpuTime: '90s' } },
    ],
  },
};

function isolatedBy(isolation: Exclude<Isolation, 'in-process'>): FlowBedOptions {
  return {
    execute: async () => ({ ...SUCCEEDED, outputs: { made: Buffer.from('made') } }),
    adapt: (deps) => ({ ...deps, worker: { ...deps.worker, isolation, executable: digestOf('the worker') } }),
  };
}

/** By item: whose attempts may share the process of the worker that was ordered for it. */
async function sharersUnder(isolation: 'bubblewrap' | 'none'): Promise<Record<string, string | undefined>> {
  const ordered: LaunchOrder[] = [];
  const options = isolatedBy(isolation);
  const adapt: FlowBedOptions['adapt'] = (deps) => {
    const adapted = options.adapt?.(deps) ?? deps;
    const launch = adapted.launcher.launch.bind(adapted.launcher);
    adapted.launcher.launch = (order) => {
      ordered.push(order);
      return launch(order);
    };
    return { ...adapted, worker: { ...adapted.worker, givesSecrets: true } };
  };
  const items: Record<string, string | undefined> = {};
  await withBed({ ...options, adapt }, async (bed) => {
    const secret = { id: 'secret', secrets: { TOKEN: 'token' } };
    bed.submit('s', runOf([{ id: 'plain' }, ...(isolation === 'none' ? [] : [secret])]));
    const { events } = await finished(bed, 's');
    for (const { data } of eventsOf(events, 'attempt.dispatched')) {
      items[data.item] = ordered.find(({ attemptId }) => attemptId === data.id)?.sharedBy;
    }
  });
  return items;
}

describe('flow: isolation', () => {
  it('an attempt in a sandbox may share its process with others of its principal, one with a secret with nobody', async () => {
    assert.deepEqual(await sharersUnder('bubblewrap'), { plain: PRINCIPAL, secret: undefined });
    assert.deepEqual(await sharersUnder('none'), { plain: undefined });
  });

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

  for (const isolation of ['none', 'bubblewrap'] as const) {
    it(`a result that was made under ${isolation} is used again, and the status warns where that was no sandbox`, async () => {
      await withBed(isolatedBy(isolation), async (bed) => {
        bed.submit('a', runOf([{ id: 'made', effect: 'pure' }]));
        await finished(bed, 'a');
        bed.submit('b', runOf([{ id: 'made', effect: 'pure' }]));
        const { status, item } = await finished(bed, 'b');
        const isUnguarded = isolation === 'none';
        assert.equal(item('made')?.reused?.isUnsandboxed, isUnguarded ? true : undefined);
        const warning = 'UNSANDBOXED: 1 items took over what was made without a sandbox';
        assert.deepEqual(status.warnings, isUnguarded ? [warning] : []);
      });
    });
  }

  it('limits reach the job, those of the item before those of the run and of the platform', async () => {
    const jobs: Job[] = [];
    const adapt: FlowBedOptions['adapt'] = (deps) => {
      const post: typeof deps.mailbox.post = (draft) => {
        jobs.push(draft.job);
        return deps.mailbox.post(draft);
      };
      const mailbox = { ...deps.mailbox, post };
      return { ...deps, mailbox, worker: { ...deps.worker, isolation: 'bubblewrap', executable: digestOf('w') } };
    };
    await withBed({ ...isolatedBy('bubblewrap'), adapt }, async (bed) => {
      bed.submit('s', LIMITED_RUN);
      assert.deepEqual((await finished(bed, 's')).states, { limited: 'done' });
    });
    const asked = { memoryBytes: 512 * 1024 ** 2, cpuMs: 90_000, processes: 64 };
    assert.deepEqual(jobs[0]?.resources, { ...JOB_RESOURCES, ...asked });
  });

  for (const isolation of ['none', 'container'] as const) {
    it(`limits are denied under ${isolation}, where nothing would hold a block to them`, async () => {
      await withBed(isolatedBy(isolation), async (bed) => {
        bed.submit('s', LIMITED_RUN);
        const [receipt] = await bed.until(() => (bed.receipts('s').length > 0 ? bed.receipts('s') : null));
        const [reason] = receipt?.reasons ?? [];
        assert.deepEqual(
          [receipt?.status, reason?.code, reason?.path],
          ['denied', 'ISOLATION_REQUIRED', 'spec.items[0].resources'],
        );
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
