/** A schedule starts one run for each of its slots, whatever happens to the engine, and says so where it cannot. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Receipt, ScheduleList, ScheduleStatus } from '@waybill/client/documents';
import { TerminalError } from '@waybill/client/errors';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import { MAX_SCHEDULES } from '#core/names.ts';
import { keys } from '#core/rows.ts';
import type { ScheduleRow, SchedulesRow } from '#core/schedule-rows.ts';
import { fillSlots } from '#flow/slots.ts';
import { decide } from '#flow/transaction.ts';
import { type FlowBed, type FlowBedOptions, openFlowBed, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { interceptPorts, type PortCall } from '../support/intercepted-ports.ts';
import { entriesOf } from '../support/ledger-entries.ts';
import { clockFrom, type MovedClock } from '../support/moved-clock.ts';
import { runOf } from '../support/run-spec.ts';

interface Opening extends Partial<FlowBedOptions> {
  /** What the clock of the engine shows when it starts. */
  at: string;
  clock?: MovedClock;
  before?(call: PortCall): void;
}

function open({ at, clock = clockFrom(at), before = () => {}, ...options }: Opening): Promise<FlowBed> {
  return openFlowBed({
    execute: () => SUCCEEDED,
    ...options,
    adapt: (deps) =>
      interceptPorts({ ...deps, clock, scheduler: createLocalScheduler(clock) }, (call, proceed) => {
        before(call);
        return proceed();
      }),
  });
}

async function withSchedules(opening: Opening, use: (bed: FlowBed) => Promise<void>): Promise<void> {
  const bed = await open(opening);
  try {
    await use(bed);
  } finally {
    await bed.close();
  }
}

function scheduleOf(spec: object = {}, name = 'hourly', run: object = runOf([{ id: 'x' }])): object {
  const { spec: items } = run as { spec: object };
  const timing = { timeZone: 'UTC', cron: '0 * * * *' };
  return { apiVersion: 'waybill/v1', kind: 'Schedule', metadata: { name }, spec: { ...timing, ...spec, run: items } };
}

function verb(what: 'pause' | 'resume' | 'trigger' | 'rm', schedule = 'hourly'): object {
  return { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'schedule', do: what, schedule } };
}

let asked = 0;

async function ask(bed: FlowBed, document: object): Promise<Receipt> {
  asked += 1;
  const id = `asked-${asked}`;
  bed.control(id, document);
  return bed.until(() => bed.receipts(id)[0]);
}

async function accepted(bed: FlowBed, document: object): Promise<void> {
  const { status, reasons } = await ask(bed, document);
  assert.deepEqual([status, reasons], ['accepted', []]);
}

function shown({ directory }: FlowBed, name = 'hourly'): ScheduleStatus | undefined {
  const text = readFileSync(join(directory, 'outbox', PRINCIPAL, 'schedules.json'), 'utf8');
  return (JSON.parse(text) as ScheduleList).schedules.find((one) => one.name === name);
}

/** Times of the runs that a schedule has started, with what the inbox answered. */
function slots(bed: FlowBed): [string, string | undefined][] {
  return (shown(bed)?.slots ?? []).map(({ at, status }) => [at.slice(11, 16), status]);
}

async function firstSlot(bed: FlowBed): Promise<string> {
  const slot = await bed.until(() => shown(bed)?.slots.find(({ status }) => status !== undefined));
  return slot.submissionId;
}

describe('flow: schedules', { concurrency: true }, () => {
  it('after a downtime the list names the slots that were passed over, and starting again fires none of them', async () => {
    const before = await open({ at: '2026-05-04T10:20:00Z' });
    await accepted(before, scheduleOf());
    await before.halt();
    const { directory } = before;
    const back = await open({ directory, at: '2026-05-04T13:57:00Z' });
    const { status } = await finished(back, await firstSlot(back));
    assert.equal(status.name, 'hourly');
    await back.halt();
    await withSchedules({ directory, at: '2026-05-04T13:58:00Z' }, async (again) => {
      assert.deepEqual(slots(again), [['13:00', 'accepted']]);
      const passedOver = { from: '2026-05-04T11:00:00.000Z', to: '2026-05-04T12:00:00.000Z' };
      assert.deepEqual(shown(again)?.passedOver, passedOver);
      assert.equal(entriesOf(directory, 'run.opened').length, 1);
    });
  });

  it('after the same downtime `skip` fires none and `all` fires the latest so many', async () => {
    for (const [missed, fired] of [
      ['skip', []],
      [{ all: 2 }, ['12:00', '13:00']],
    ] as const) {
      const before = await open({ at: '2026-05-04T10:20:00Z' });
      await accepted(before, scheduleOf({ missed }));
      await before.halt();
      await withSchedules({ directory: before.directory, at: '2026-05-04T13:57:00Z' }, async (back) => {
        await accepted(back, verb('pause'));
        await back.until(() => slots(back).every(([, status]) => status === 'accepted'));
        assert.deepEqual(
          slots(back).map(([at]) => at),
          fired,
        );
      });
    }
  });

  it('a slot comes when its time comes, as one run, however often it is called for', async () => {
    const at = '2026-05-04T02:20:00Z';
    const clock = clockFrom(at);
    await withSchedules({ at, clock }, async (bed) => {
      await accepted(bed, scheduleOf({ cron: '30 2 * * *' }));
      assert.deepEqual(slots(bed), []);
      clock.jumpTo('2026-05-04T02:30:00Z');
      const id = await firstSlot(bed);
      await finished(bed, id);
      const deps = { ...bed.deps, hints: SILENT, lane: <T>(decision: () => Promise<T>) => decision() };
      for (let call = 0; call < 3; call += 1) await fillSlots(deps, { principal: PRINCIPAL, name: 'hourly' });
      const plannedMs = Date.parse('2026-05-04T02:30:00Z');
      await fillSlots(deps, { principal: PRINCIPAL, name: 'hourly' }, { plannedMs });
      assert.deepEqual(slots(bed), [['02:30', 'accepted']]);
      assert.equal((await bed.deps.store.query(`schedule/${PRINCIPAL}`, { prefix: '', limit: 9 })).length, 1);
      assert.deepEqual(
        shown(bed)?.next.map((at) => at.slice(5, 16)),
        ['05-05T02:30', '05-06T02:30', '05-07T02:30'],
      );
    });
  });

  it('what was decided and not written before a crash is written after it', async () => {
    let isAway = true;
    const at = '2026-05-04T13:57:00Z';
    const before = await open({ at: '2026-05-04T10:20:00Z' });
    await accepted(before, scheduleOf());
    await before.halt();
    const { directory } = before;
    const cut = await open({
      directory,
      at,
      before({ port, method }) {
        if (isAway && port === 'inbox' && method === 'put') throw new Error('the process dies here');
      },
    });
    await cut.until(async () => (await cut.row<ScheduleRow>(keys.schedule(PRINCIPAL, 'hourly')))?.slots[0]);
    await cut.halt();
    isAway = false;
    await withSchedules({ directory, at }, async (bed) => {
      await finished(bed, await firstSlot(bed));
      assert.deepEqual(slots(bed), [['13:00', 'accepted']]);
    });
  });

  it('a slot whose run is refused shows why, and the next one is tried again', async () => {
    const both = { default: { concurrency: 1 }, old: { concurrency: 1 } };
    const before = await open({ at: '2026-05-04T10:20:00Z', queues: both });
    await accepted(before, scheduleOf({}, 'hourly', runOf([{ id: 'x' }], { queue: 'old' })));
    await before.halt();
    const { directory } = before;
    const without = await open({ directory, at: '2026-05-04T11:00:01Z', queues: { default: { concurrency: 1 } } });
    await without.until(() => slots(without)[0]?.[1] === 'invalid');
    assert.deepEqual(
      shown(without)?.slots[0]?.reasons.map(({ code, path }) => [code, path]),
      [['QUEUE_UNKNOWN', 'spec.queue']],
    );
    await without.halt();
    await withSchedules({ directory, at: '2026-05-04T12:00:01Z', queues: both }, async (bed) => {
      await bed.until(() => slots(bed)[1]?.[1] === 'accepted');
      assert.deepEqual(slots(bed), [
        ['11:00', 'invalid'],
        ['12:00', 'accepted'],
      ]);
    });
  });

  it('an engine that may not write for the owner says so at the slot', async () => {
    const refusal = { code: 'PRINCIPAL_MISMATCH', path: 'p', problem: 'not yours', fix: 'f' } as const;
    await withSchedules(
      {
        at: '2026-05-04T10:20:00Z',
        before({ port, method }) {
          if (port === 'inbox' && method === 'put') throw new TerminalError(refusal);
        },
      },
      async (bed) => {
        await accepted(bed, scheduleOf());
        await accepted(bed, verb('trigger'));
        assert.deepEqual(
          shown(bed)?.slots.map(({ status, reasons }) => [status, reasons]),
          [['denied', [refusal]]],
        );
      },
    );
  });

  it('what a submission would be refused for is refused when the schedule is added, with its path there', async () => {
    await withSchedules({ at: '2026-05-04T10:20:00Z' }, async (bed) => {
      const refused = async (document: object): Promise<[string, string][]> => {
        const { status, reasons } = await ask(bed, document);
        assert.equal(status, 'invalid');
        for (const { problem, fix } of reasons) assert.ok(problem !== '' && fix !== '');
        return reasons.map(({ code, path }) => [code, path]);
      };
      const needs = { in: { from: 'nobody', select: 'patch' as const } };
      const where = 'spec.run.items[0].needs.in.from';
      assert.deepEqual(await refused(scheduleOf({ timeZone: 'Mars/Olympus', cron: '0 25 * * *' })), [
        ['SPEC_INVALID', 'spec.timeZone'],
        ['SPEC_INVALID', 'spec.cron'],
      ]);
      assert.deepEqual(await refused(scheduleOf({}, 'n', runOf([{ id: 'x', needs }]))), [
        ['SPEC_UNKNOWN_REFERENCE', where],
      ]);
      const elsewhere = runOf([{ id: 'x' }], { queue: 'elsewhere' });
      assert.deepEqual(await refused(scheduleOf({}, 'n', elsewhere)), [['QUEUE_UNKNOWN', 'spec.run.queue']]);
      const bundle = `sha256:${'0'.repeat(64)}`;
      const source = { bundle, commit: '0'.repeat(40), sizeBytes: 1 };
      const unpacked = { spec: { ...(runOf([{ id: 'x' }]) as { spec: object }).spec, source } };
      assert.deepEqual(await refused(scheduleOf({}, 'n', unpacked)), [['SOURCE_MISSING', 'spec.run.source.bundle']]);
      assert.deepEqual(await refused(verb('pause', 'nobody')), [['SCHEDULE_UNKNOWN', 'spec.schedule']]);
      assert.equal(await bed.row(keys.schedules()), null, 'nothing of it is kept');
    });
  });

  it('a schedule too many is refused, and one of a name that is there takes its place', async () => {
    await withSchedules({ at: '2026-05-04T10:20:00Z' }, async (bed) => {
      await accepted(bed, scheduleOf());
      const one = { principal: 'uid-0', name: 'n', definition: `sha256:${'0'.repeat(64)}` } as const;
      const deps = { ...bed.deps, hints: SILENT, lane: <T>(decision: () => Promise<T>) => decision() };
      await decide(deps, async (draft) => {
        const row = await draft.readOne<SchedulesRow>(keys.schedules());
        const more = Array.from({ length: MAX_SCHEDULES - 1 }, (_, n) => ({ ...one, name: `n${n}` }));
        draft.put(keys.schedules(), { schedules: [...(row?.schedules ?? []), ...more] } satisfies SchedulesRow);
      });
      const { reasons } = await ask(bed, scheduleOf({}, 'another'));
      assert.deepEqual(
        reasons.map(({ code, path }) => [code, path]),
        [['SPEC_LIMIT', 'metadata.name']],
      );
      await accepted(bed, scheduleOf({ cron: '15 * * * *' }));
      assert.equal((await ask(bed, scheduleOf({ cron: '15 * * * *' }))).status, 'deduped');
      assert.equal(shown(bed)?.next[0], '2026-05-04T11:15:00.000Z');
    });
  });

  it('paused it has no slots, resumed it owes none, triggered it runs once more, removed it is gone', async () => {
    const first = await open({ at: '2026-05-04T10:20:00Z' });
    await accepted(first, scheduleOf());
    await accepted(first, verb('pause'));
    assert.equal((await ask(first, verb('pause'))).status, 'deduped');
    assert.deepEqual([shown(first)?.paused, shown(first)?.next], [true, []]);
    await first.until(() => first.engine.isIdle());
    await first.halt();
    await withSchedules({ directory: first.directory, at: '2026-05-04T13:57:00Z' }, async (bed) => {
      await accepted(bed, verb('resume'));
      assert.deepEqual(slots(bed), []);
      assert.equal(shown(bed)?.next[0], '2026-05-04T14:00:00.000Z');
      assert.equal(await bed.engine.isIdle(), false, 'one that is not paused keeps its engine');
      const { status, run } = await ask(bed, verb('trigger'));
      const { status: ended } = await finished(bed, await firstSlot(bed));
      assert.deepEqual([status, ended.run], ['accepted', run]);
      await accepted(bed, verb('rm'));
      assert.equal(shown(bed), undefined);
      assert.equal((await ask(bed, verb('trigger'))).reasons[0]?.code, 'SCHEDULE_UNKNOWN');
    });
  });

  it('an older copy of an object changes nothing that came after it', async () => {
    await withSchedules({ at: '2026-05-04T10:20:00Z' }, async (bed) => {
      const deliver = async (id: string, document: object): Promise<void> => {
        bed.control(id, document);
        await bed.until(
          async () => bed.receipts(id).length > 0 && (await bed.deps.inbox.list({ limit: 1 })).length === 0,
        );
      };
      await deliver('add', scheduleOf());
      await deliver('trigger', verb('trigger'));
      await deliver('rm', verb('rm'));
      await deliver('add', scheduleOf());
      await deliver('trigger', verb('trigger'));
      assert.equal(shown(bed), undefined);
      assert.equal((await bed.row<ScheduleRow>(keys.schedule(PRINCIPAL, 'hourly')))?.slots.length, 1);
    });
  });

  it('the log says each time what is in force, and the ledger holds it', async () => {
    await withSchedules({ at: '2026-05-04T10:20:00Z' }, async (bed) => {
      const inForce = async (count: number): Promise<unknown> => {
        const entry = await bed.until(() => entriesOf(bed.directory, 'policy.changed')[count - 1]);
        const file = `${(entry.policy as string).slice('sha256:'.length)}.json`;
        const text = readFileSync(join(bed.directory, 'ledger', 'policies', file), 'utf8');
        return (JSON.parse(text) as { schedules?: unknown }).schedules;
      };
      assert.equal(await inForce(1), undefined);
      await accepted(bed, scheduleOf());
      const principal = `hmac-sha256:${bed.deps.signer.pseudonym(PRINCIPAL)}`;
      const definition = shown(bed)?.definition;
      assert.deepEqual(await inForce(2), [{ principal, name: 'hourly', definition, paused: false }]);
      await accepted(bed, verb('pause'));
      assert.deepEqual(await inForce(3), [{ principal, name: 'hourly', definition, paused: true }]);
      await accepted(bed, verb('rm'));
      assert.equal(await inForce(4), undefined);
      assert.notEqual(
        await bed.deps.artifacts.size(definition ?? 'sha256:'),
        null,
        'and its document can be asked for',
      );
    });
  });
});
