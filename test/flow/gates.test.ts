/** Items that people decide: who may, how many it takes, and that nothing is held meanwhile. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Receipt } from '@waybill/client/documents';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import { keys } from '#core/rows.ts';
import type { Inbox, InboxObject } from '#ports/inbox.ts';
import { type FlowBed, type FlowBedOptions, openFlowBed, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const execute: Execute = () => SUCCEEDED;
const PEOPLE = ['ada', 'bob', 'eve'] as const;
type Person = (typeof PEOPLE)[number];

/** What is submitted as `<person>.<id>` was written by that person. */
const manyPeople: FlowBedOptions['adapt'] = (deps) => {
  const list: Inbox['list'] = async (range) =>
    (await deps.inbox.list(range)).map((object) => {
      const [person = ''] = object.submissionId.split('.');
      return (PEOPLE as readonly string[]).includes(person) ? { ...object, principal: person } : object;
    });
  const inbox = new Proxy(deps.inbox, {
    get(target, name) {
      // Whose file it is, is checked by its owner, who is the same for all of these.
      if (name === 'read')
        return (object: InboxObject, most: number) => target.read({ ...object, principal: PRINCIPAL }, most);
      const member = name === 'list' ? list : Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { ...deps, inbox };
};

function receiptOf(bed: FlowBed, principal: string, submissionId: string): Receipt | null {
  const folder = join(bed.directory, 'outbox', principal, submissionId);
  try {
    const [name] = readdirSync(folder).filter((each) => each.startsWith('receipt-'));
    return name === undefined ? null : (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Receipt);
  } catch {
    return null;
  }
}

let asks = 0;

async function ask(bed: FlowBed, who: Person | null, document: object): Promise<[string, string | undefined]> {
  asks += 1;
  const submissionId = who === null ? `c${asks}` : `${who}.c${asks}`;
  bed.control(submissionId, document);
  const { status, reasons } = await bed.until(() => receiptOf(bed, who ?? PRINCIPAL, submissionId));
  return [status, reasons[0]?.code];
}

async function waiting(bed: FlowBed, run: string, item = 'gate'): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === 'suspended');
}

const around = (gate: ItemDraft['gate'] & object, more: Partial<ItemDraft> = {}): ItemDraft[] => [
  { id: 'build' },
  { id: 'gate', dependsOn: ['build'], gate, ...more },
  { id: 'publish', dependsOn: ['gate'], locks: ['site'] },
];

describe('flow: gates', { concurrency: true }, () => {
  it('a gate waits over a restart, holding nothing, and goes on when whoever submitted the run approves', async () => {
    const first = await openFlowBed({ execute });
    const run = first.submit('s', runOf(around({})));
    await waiting(first, run);
    await first.halt();
    await withBed({ execute, directory: first.directory, concurrency: 1 }, async (bed) => {
      assert.deepEqual((await bed.row<QueueRow>(keys.queue('default')))?.holders, []);
      assert.deepEqual(await bed.deps.store.query('queue/default', { prefix: 'ready/', limit: 1 }), []);
      const other = bed.submit('other', runOf([{ id: 'x', locks: ['site'] }]));
      assert.equal((await finished(bed, 'other')).status.run, other);
      assert.equal((await bed.itemRow(run, 'gate'))?.state, 'suspended');
      assert.deepEqual(await ask(bed, null, controlOf('approve', run, 'gate')), ['accepted', undefined]);
      const { states, status, item } = await finished(bed, 's');
      assert.deepEqual(states, { build: 'done', gate: 'done', publish: 'done' });
      assert.deepEqual([status.state, item('gate')?.attempts], ['done', []]);
    });
  });

  it('a rejected gate is denied, what depends on it is skipped, and the run is failed', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf(around({})));
      await waiting(bed, run);
      assert.deepEqual(await ask(bed, null, controlOf('reject', run, 'gate')), ['accepted', undefined]);
      const { states, status, item } = await finished(bed, 's');
      assert.deepEqual(states, { build: 'done', gate: 'denied', publish: 'skipped' });
      assert.deepEqual([status.state, item('gate')?.reason], ['failed', 'rejected']);
    });
  });

  it('two of three distinct reviewers approve, one dissents: it goes on, and the tally is in the record', async () => {
    await withBed({ execute, adapt: manyPeople }, async (bed) => {
      const run = bed.submit('s', runOf(around({ approvals: 2, reviewers: [...PEOPLE] })));
      await waiting(bed, run);
      assert.deepEqual(await ask(bed, 'ada', controlOf('approve', run, 'gate')), ['accepted', undefined]);
      assert.deepEqual(await ask(bed, 'ada', controlOf('approve', run, 'gate')), ['deduped', undefined]);
      assert.deepEqual(await ask(bed, 'ada', controlOf('reject', run, 'gate')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await ask(bed, 'eve', controlOf('reject', run, 'gate')), ['accepted', undefined]);
      assert.equal((await bed.itemRow(run, 'gate'))?.state, 'suspended');
      assert.deepEqual(await ask(bed, 'bob', controlOf('approve', run, 'gate')), ['accepted', undefined]);
      const { states, events } = await finished(bed, 's');
      assert.equal(states.publish, 'done');
      const verdicts = eventsOf(events, 'control.accepted').map(({ data }) => data);
      const [suspended] = eventsOf(events, 'item.suspended').flatMap(({ data }) => data.items);
      assert.deepEqual(verdicts.map(({ verb }) => verb).sort(), ['approve', 'approve', 'reject']);
      assert.deepEqual(new Set(verdicts.map(({ principal }) => principal)), new Set(suspended?.reviewers));
    });
  });

  it('when too few are left who could approve, the dissent decides', async () => {
    await withBed({ execute, adapt: manyPeople }, async (bed) => {
      const run = bed.submit('s', runOf(around({ approvals: 2, reviewers: [...PEOPLE] })));
      await waiting(bed, run);
      for (const who of ['ada', 'bob'] as const) await ask(bed, who, controlOf('reject', run, 'gate'));
      assert.equal((await finished(bed, 's')).states.gate, 'denied');
      assert.deepEqual(await ask(bed, 'eve', controlOf('approve', run, 'gate')), ['invalid', 'RUN_SEALED']);
    });
  });

  it('no verdict is no approval: a gate whose time is over is denied', async () => {
    await withBed({ execute, adapt: manyPeople }, async (bed) => {
      const gate = { approvals: 2, reviewers: [...PEOPLE], expires: '2s' };
      const run = bed.submit('s', runOf(around(gate)));
      await waiting(bed, run);
      await ask(bed, 'ada', controlOf('approve', run, 'gate'));
      const { states, item } = await finished(bed, 's');
      assert.deepEqual([states.gate, item('gate')?.reason, states.publish], ['denied', 'gate_expired', 'skipped']);
    });
  });

  it('what is no gate has no verdict: whoever submitted the run is told so, and nobody else learns of it', async () => {
    await withBed({ execute, adapt: manyPeople }, async (bed) => {
      const run = bed.submit('s', runOf(around({ reviewers: ['ada'] })));
      await waiting(bed, run);
      for (const verb of ['approve', 'reject'] as const) {
        assert.deepEqual(await ask(bed, null, controlOf(verb, run, 'build')), ['invalid', 'ITEM_STATE']);
        assert.deepEqual(await ask(bed, null, controlOf(verb, run, 'absent')), ['invalid', 'ITEM_UNKNOWN']);
        assert.deepEqual(await ask(bed, null, controlOf(verb, run, 'gate')), ['denied', 'PRINCIPAL_MISMATCH']);
        for (const item of ['build', 'absent'])
          assert.deepEqual(await ask(bed, 'eve', controlOf(verb, run, item)), ['denied', 'PRINCIPAL_MISMATCH']);
      }
    });
  });

  it('nobody else decides: neither a stranger nor, where others are named, who submitted the run', async () => {
    await withBed({ execute, adapt: manyPeople }, async (bed) => {
      const run = bed.submit('s', runOf([...around({ reviewers: ['ada'] }), { id: 'mine', gate: {} }]));
      await waiting(bed, run);
      await waiting(bed, run, 'mine');
      for (const verb of ['approve', 'reject'] as const) {
        assert.deepEqual(await ask(bed, null, controlOf(verb, run, 'gate')), ['denied', 'PRINCIPAL_MISMATCH']);
        assert.deepEqual(await ask(bed, 'eve', controlOf(verb, run, 'gate')), ['denied', 'PRINCIPAL_MISMATCH']);
        assert.deepEqual(await ask(bed, 'ada', controlOf(verb, run, 'mine')), ['denied', 'PRINCIPAL_MISMATCH']);
        assert.deepEqual(await ask(bed, 'ada', controlOf(verb, run, 'build')), ['denied', 'PRINCIPAL_MISMATCH']);
      }
      // A reviewer decides that gate, and nothing else about the run.
      assert.deepEqual(await ask(bed, 'ada', cancelOf(run)), ['denied', 'PRINCIPAL_MISMATCH']);
      assert.deepEqual(await ask(bed, 'ada', controlOf('skip', run, 'gate')), ['denied', 'PRINCIPAL_MISMATCH']);
      await ask(bed, 'ada', controlOf('approve', run, 'gate'));
      await ask(bed, null, controlOf('approve', run, 'mine'));
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('a gate can be asked about only while it waits, and its status says for whom', async () => {
    let open: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow: Execute = async (job) => {
      if (job.item === 'build') await opened;
      return SUCCEEDED;
    };
    await withBed({ execute: slow, adapt: manyPeople }, async (bed) => {
      const run = bed.submit('s', runOf(around({ approvals: 1, reviewers: ['bob', 'ada'], expires: '1h' })));
      await bed.until(async () => (await bed.itemRow(run, 'build'))?.state === 'running');
      assert.deepEqual(await ask(bed, 'ada', controlOf('approve', run, 'gate')), ['invalid', 'ITEM_STATE']);
      open();
      await waiting(bed, run);
      const shown = await bed.until(() => bed.status('s')?.items.find(({ id }) => id === 'gate')?.waiting?.gate);
      const { expires = '', ...rest } = shown;
      assert.deepEqual(rest, { approved: 0, rejected: 0, approvals: 1, reviewers: ['ada', 'bob'] });
      assert.ok(Date.parse(expires) > Date.now());
      await ask(bed, 'bob', controlOf('approve', run, 'gate'));
      assert.equal((await finished(bed, 's')).states.publish, 'done');
    });
  });

  it('a gate that waits can be skipped, cancelled with its run, and is over at its own deadline', async () => {
    await withBed({ execute }, async (bed) => {
      const skipped = bed.submit('skipped', runOf(around({})));
      await waiting(bed, skipped);
      assert.deepEqual(await ask(bed, null, controlOf('skip', skipped, 'gate')), ['accepted', undefined]);
      assert.deepEqual((await finished(bed, 'skipped')).states, { build: 'done', gate: 'skipped', publish: 'skipped' });
      const cancelled = bed.submit('cancelled', runOf(around({})));
      await waiting(bed, cancelled);
      await ask(bed, null, cancelOf(cancelled));
      assert.equal((await finished(bed, 'cancelled')).states.gate, 'cancelled');
      bed.submit('late', runOf(around({}, { deadline: '2s' })));
      assert.equal((await finished(bed, 'late')).item('gate')?.reason, 'deadline_exceeded');
    });
  });

  it('a gate is asked only if its condition holds, and another item may ask how it was decided', async () => {
    await withBed({ execute }, async (bed) => {
      const items: ItemDraft[] = [
        { id: 'build' },
        { id: 'unasked', gate: {}, when: { from: 'build', state: 'failed' } },
        { id: 'gate', gate: {}, when: { from: 'build', state: 'done' } },
        { id: 'withdraw', when: { from: 'gate', state: 'denied' } },
      ];
      const run = bed.submit('s', runOf(items));
      await waiting(bed, run);
      await ask(bed, null, controlOf('reject', run, 'gate'));
      const { states } = await finished(bed, 's');
      assert.deepEqual(states, { build: 'done', unasked: 'skipped', gate: 'denied', withdraw: 'done' });
    });
  });

  it('a paused run can be decided about; what follows waits until it is resumed', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf(around({})));
      await waiting(bed, run);
      await ask(bed, null, controlOf('pause', run));
      assert.deepEqual(await ask(bed, null, controlOf('approve', run, 'gate')), ['accepted', undefined]);
      await bed.until(async () => (await bed.itemRow(run, 'publish'))?.shelved);
      await ask(bed, null, controlOf('resume', run));
      assert.equal((await finished(bed, 's')).states.publish, 'done');
    });
  });

  it('a hundred gates and conditions behind one item stay within the bounds of a transaction', async () => {
    await withBed({ execute }, async (bed) => {
      const of = (n: number): ItemDraft =>
        n % 2 === 0
          ? { id: `g${n}`, dependsOn: ['build'], gate: { expires: '1h' } }
          : { id: `c${n}`, when: { from: 'build', state: 'failed' } };
      const run = bed.submit('s', runOf([{ id: 'build' }, ...Array.from({ length: 100 }, (_, n) => of(n))]));
      for (let n = 0; n < 100; n += 2) await waiting(bed, run, `g${n}`);
      for (let n = 1; n < 100; n += 2)
        await bed.until(async () => (await bed.itemRow(run, `c${n}`))?.state === 'skipped');
      await ask(bed, null, cancelOf(run));
      const { status } = await finished(bed, 's');
      assert.deepEqual([status.counts.skipped, status.counts.cancelled], [50, 50]);
    });
  });
});
