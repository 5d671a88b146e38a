import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BusEvent, busEventsOf } from './bus-events.ts';
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
