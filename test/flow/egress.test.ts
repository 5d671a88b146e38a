/** Hosts outside that items ask for: what a deployment lets which queue reach, and what the record says of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EgressPolicy } from '@waybill/client/egress';
import { type ClaimedEgress, digestOf } from '@waybill/verify';
import type { EgressSettings } from '#core/egress-settings.ts';
import type { Isolation, Job } from '#core/mailbox-protocol.ts';
import type { FlowBed, FlowBedOptions } from '../support/embedded-flow.ts';
import { answerTo, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { extendOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const HOSTS: EgressSettings = { default: { allow: ['*.example.org'], deny: ['secret.example.org'] } };
const REACHED: ClaimedEgress = {
  seen: [
    { block: 0, host: 'a.example.org', port: 443, connections: 2, sentBytes: 300, receivedBytes: 4_000 },
    { block: 0, host: '127.0.0.1', port: 80, refused: 'address', connections: 1, sentBytes: 0, receivedBytes: 0 },
  ],
};

interface Seen {
  jobs: Job[];
}

function bedOf(
  egress: EgressSettings | undefined,
  isolation: Exclude<Isolation, 'in-process'> = 'bubblewrap',
  meanwhile: (job: Job) => void = () => {},
): FlowBedOptions & Seen {
  const jobs: Job[] = [];
  return {
    jobs,
    execute: async (job) => {
      jobs.push(job);
      meanwhile(job);
      return { ...SUCCEEDED, ...(job.egress === undefined ? {} : { egress: REACHED }) };
    },
    adapt: (deps) => ({
      ...deps,
      ...(egress === undefined ? {} : { egress }),
      worker: { ...deps.worker, isolation, executable: digestOf('the worker') },
    }),
  };
}

async function refusal(bed: FlowBed, id: string, egress: string[]): Promise<unknown[]> {
  bed.submit(id, runOf([{ id: 'quiet' }, { id: 'out', egress }]));
  const [receipt] = await bed.until(() => (bed.receipts(id).length > 0 ? bed.receipts(id) : null));
  const [reason] = receipt?.reasons ?? [];
  return [receipt?.status, reason?.code, reason?.path];
}

const DENIED = ['denied', 'EGRESS_DENIED', 'spec.items[1].egress'];

describe('flow: egress', () => {
  it('the lists reach the job of who asks, apart from each other; what was reached is sealed and shown', async () => {
    const options = bedOf(HOSTS);
    await withBed(options, async (bed) => {
      bed.submit('s', runOf([{ id: 'out', egress: ['b.example.org:443', 'a.example.org'] }, { id: 'quiet' }]));
      const { states, events, item } = await finished(bed, 's');
      assert.deepEqual(states, { out: 'done', quiet: 'done' });
      assert.deepEqual(item('out')?.egress, REACHED);
      assert.equal(item('quiet')?.egress, undefined);
      const claimed = eventsOf(events, 'attempt.settled').map(({ data }) => [data.item, data.claimed.egress]);
      assert.deepEqual(Object.fromEntries(claimed), { out: REACHED, quiet: undefined });
    });
    const jobs = Object.fromEntries(options.jobs.map(({ item, egress }) => [item, egress]));
    const ask = ['a.example.org', 'b.example.org:443'];
    assert.deepEqual(jobs, { out: { ask, ...HOSTS.default }, quiet: undefined });
  });

  it('what is not allowed is denied: another host, a denied one, another port, another queue, and all where nothing is set', async () => {
    await withBed(bedOf(HOSTS), async (bed) => {
      for (const [id, host] of [
        ['other', 'a.example.com'],
        ['denied', 'secret.example.org'],
        ['port', 'a.example.org:22'],
        ['wider', '*.a.example.org'],
      ] as const)
        assert.deepEqual(await refusal(bed, id, ['a.example.org', host]), DENIED, id);
    });
    for (const settings of [undefined, {}, { other: { allow: ['*.example.org'], deny: [] } }])
      await withBed(bedOf(settings), async (bed) => {
        assert.deepEqual(await refusal(bed, 's', ['a.example.org']), DENIED);
      });
  });

  it('each host of each item that is not allowed is named, up to a bound', async () => {
    await withBed(bedOf(HOSTS), async (bed) => {
      const named = async (id: string, items: Parameters<typeof runOf>[0]): Promise<string[]> => {
        bed.submit(id, runOf(items));
        const { reasons } = await bed.until(() => bed.receipts(id)[0]);
        return reasons.map(({ path, problem }) => `${path}: ${problem}`);
      };
      const one = { id: 'one', egress: ['b.example.com', 'a.example.org', 'a.example.com:22'] };
      const problem = 'may not be reached from the queue "default"';
      assert.deepEqual(await named('few', [one, { id: 'quiet' }, { id: 'two', egress: ['secret.example.org'] }]), [
        `spec.items[0].egress: a.example.com:22 ${problem}`,
        `spec.items[0].egress: b.example.com ${problem}`,
        `spec.items[2].egress: secret.example.org ${problem}`,
      ]);
      const hosts = Array.from({ length: 32 }, (_, n) => `h${n}.example.com`);
      const many = Array.from({ length: 7 }, (_, n) => ({ id: `i${n}`, egress: hosts }));
      const said = await named('many', many);
      assert.deepEqual([said.length, said.at(-1)], [200, 'document: there are 25 more problems']);
    });
  });

  for (const isolation of ['none', 'container'] as const) {
    it(`it is denied under ${isolation}, where nothing would hold a block to its hosts`, async () => {
      await withBed(bedOf(HOSTS, isolation), async (bed) => {
        const denied = ['denied', 'ISOLATION_REQUIRED', 'spec.items[1].egress'];
        assert.deepEqual(await refusal(bed, 's', ['a.example.org']), denied);
      });
    });
  }

  it('items that are added to a run are held to the same', async () => {
    await withBed(bedOf(HOSTS), async (bed) => {
      bed.submit('s', runOf([{ id: 'first' }], { openEnded: true }));
      const { run = '' } = await bed.until(() => bed.receipts('s')[0]);
      const add = (host: string): object => extendOf(run, [{ id: 'more', egress: [host] }]);
      assert.deepEqual(await answerTo(bed, 'x', add('a.example.com')), ['denied', 'EGRESS_DENIED']);
      assert.deepEqual(await answerTo(bed, 'y', add('a.example.org')), ['accepted', undefined]);
    });
  });

  it('a host that is not allowed any more when an attempt begins: nothing runs', async () => {
    const settings: Record<string, EgressPolicy> = { ...HOSTS };
    const options = bedOf(settings, 'bubblewrap', ({ item }) => {
      if (item === 'first') delete settings.default;
    });
    await withBed(options, async (bed) => {
      const first = { id: 'first' };
      bed.submit('s', runOf([first, { id: 'out', dependsOn: ['first'], egress: ['a.example.org'] }]));
      const { states, item } = await finished(bed, 's');
      assert.deepEqual(states, { first: 'done', out: 'failed' });
      assert.deepEqual([item('out')?.attempts[0]?.outcome, item('out')?.reason], ['policy_blocked', 'egress_denied']);
      assert.match(item('out')?.detail ?? '', /not allowed any more/);
    });
    assert.deepEqual(
      options.jobs.map(({ item }) => item),
      ['first'],
    );
  });
});
