import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BusEvent, busEventsOf } from './bus-events.ts';
import { type Handed, moneyKeys, type Percent } from './money-rows.ts';
import { type Key, keys } from './rows.ts';

const NOW = Date.parse('2026-11-21T05:00:00.000Z');
const told = (key: Key, before: object | null, after: object | null): BusEvent[] =>
  busEventsOf({ ...key, before, after }, NOW);
const types = (...change: Parameters<typeof told>): string[] => told(...change).map(({ type }) => type);

const RUN = keys.run('r');
const row = (more: object = {}): object => ({
  state: 'running',
  name: 'nightly',
  queue: 'default',
  submissionId: 's',
  items: 3,
  openedAtMs: NOW,
  ...more,
});

describe('bus events: caps', () => {
  const ledger = (microUsd: number, told?: Percent, of = '2026-11-21'): object => {
    const handed = (name: string): Handed => ({ of: name, microUsd: 0 });
    const day = { of, microUsd, ...(told === undefined ? {} : { told }) };
    const row = { account: handed('ever'), month: handed('2026-11'), day };
    return { caps: { accountMicroUsd: 1_000, dayMicroUsd: 100 }, handed: row, waiting: [] };
  };
  const LEDGER = moneyKeys.ledger();

  it('a part of a cap is told when it is noted, once for each window, and with what it is a part of', () => {
    const [event] = told(LEDGER, ledger(10), ledger(60, 50));
    const about = { cap: 'day', window: '2026-11-21', percent: 50, limitMicroUsd: 100, usedMicroUsd: 60 };
    const id = 'cap/day/2026-11-21/100/50';
    assert.deepEqual(event, {
      type: 'cap.reached',
      detail: { v: 1, id, at: '2026-11-21T05:00:00.000Z', ...about },
    });
    assert.deepEqual(types(LEDGER, ledger(60, 50), ledger(70, 50)), []);
    assert.deepEqual(types(LEDGER, ledger(70, 50), ledger(80, 80)), ['cap.reached']);
    assert.deepEqual(types(LEDGER, ledger(80, 50), ledger(55, 50, '2026-11-22')), ['cap.reached']);
    assert.deepEqual(types(LEDGER, ledger(80, 80), ledger(1, undefined, '2026-11-22')), []);
    assert.deepEqual(types(LEDGER, ledger(80), null), []);
  });
});

describe('bus events: runs', () => {
  it('a run is accepted once, when it opens and not while it is being admitted', () => {
    assert.deepEqual(told(RUN, row({ state: 'admitting' }), row({ state: 'open' })), [
      {
        type: 'run.accepted',
        detail: {
          ...{ v: 1, id: 'r/accepted', run: 'r', at: '2026-11-21T05:00:00.000Z' },
          ...{ name: 'nightly', queue: 'default', submissionId: 's', items: 3 },
        },
      },
    ]);
    assert.deepEqual(types(RUN, null, row({ state: 'admitting' })), []);
    assert.deepEqual(types(RUN, row({ state: 'open' }), row()), []);
  });

  it('it completes, is sealed or aborted, each told once and by the same id', () => {
    const completed = row({ state: 'done', completedAtMs: NOW });
    const sealed = { ...completed, runSeq: 4, sealedIndex: 9, sealedAtMs: NOW };
    const aborted = row({ aborting: { reason: 'poisoned' }, abortedAtMs: NOW });
    assert.deepEqual(types(RUN, row(), completed), ['run.completed']);
    const [event] = told(RUN, completed, sealed);
    assert.deepEqual(event?.detail, {
      ...{ v: 1, id: 'r/sealed', run: 'r', at: '2026-11-21T05:00:00.000Z' },
      ...{ state: 'done', runSeq: 4, sealedIndex: 9 },
    });
    assert.deepEqual(told(RUN, completed, sealed), [event]);
    assert.deepEqual(types(RUN, sealed, { ...sealed, bundle: {} }), []);
    assert.deepEqual(types(RUN, row({ aborting: { reason: 'poisoned' } }), aborted), ['run.aborted']);
    assert.deepEqual(types(RUN, aborted, aborted), []);
  });

  it('a run that was made again from the log tells nothing, and neither does one that goes', () => {
    assert.deepEqual(types(RUN, null, row({ recovered: 'whole', sealedAtMs: NOW })), []);
    assert.deepEqual(types(RUN, row(), null), []);
  });
});

describe('bus events: items', () => {
  const item = keys.item('r', 'build');
  const of = (state: string, more: object = {}): object => ({
    state,
    attempt: 2,
    attempts: [{ reason: 'ok' }],
    ...more,
  });

  it('an item is told when it ends, by its state, and with a reason unless all is well', () => {
    assert.deepEqual(told(item, of('running'), of('done')), [
      {
        type: 'item.done',
        detail: { v: 1, id: 'r/item/build', run: 'r', at: '2026-11-21T05:00:00.000Z', item: 'build', attempts: 2 },
      },
    ]);
    for (const state of ['failed', 'skipped', 'cancelled', 'denied'] as const) {
      const [event] = told(item, of('running'), of(state, { attempts: [{ reason: 'exit_nonzero' }] }));
      assert.equal(event?.type, `item.${state}`);
      assert.deepEqual({ ...event?.detail, reason: 'exit_nonzero' }, event?.detail);
    }
  });

  it('what goes on is not told, nor what has ended before', () => {
    assert.deepEqual(types(item, of('ready'), of('running')), []);
    assert.deepEqual(types(item, of('done'), of('done', { unsandboxed: 1 })), []);
    assert.deepEqual(types(keys.spec('r', 'build'), null, {}), []);
    assert.deepEqual(types(keys.attempt('a'), null, { state: 'settled' }), []);
  });
});
