/** The filters of the table's stream let through every change that asks for work, and few others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RowChange, workOf } from '#core/row-changes.ts';
import { type Key, keys } from '#core/rows.ts';
import { ADVANCING, DISPATCHING } from '../../lib/connections.ts';
import { streamRecord } from '../support/fake-stream.ts';
import { isMatched } from './event-pattern.ts';

function isDelivered(patterns: readonly object[], change: RowChange): boolean {
  const eventName = change.before === null ? 'INSERT' : change.after === null ? 'REMOVE' : 'MODIFY';
  const event = { eventName, ...streamRecord(change, 1) };
  return patterns.some((pattern) => isMatched(pattern, event));
}

const ATTEMPT = 'a'.repeat(32);
const EXECUTION: Key = { pk: `attempt/${ATTEMPT}`, sk: 'execution' };
/** One of every kind of row. */
const KEYS: readonly Key[] = [
  ...[keys.run('r'), keys.spec('r', 'x'), keys.fan('r', 'x', 1), keys.item('r', 'x'), keys.wait('r', 'x', 1)],
  ...[
    keys.open('r', 1),
    keys.openRoot('r'),
    keys.wake('r', 'x'),
    keys.event('r', 1, 1),
    keys.tree('r'),
    keys.seal('r'),
  ],
  ...[keys.attempt(ATTEMPT), EXECUTION, keys.queue('q'), keys.ready('q', '5'), keys.queues(), keys.lock('l')],
  ...[
    keys.lockWait('l', '5'),
    keys.todoLocks('x'),
    keys.todoCancel('r', 'x'),
    keys.todoLineUp('r', 'x'),
    keys.todoRetry('r', 'x'),
    keys.control('r', 'x'),
    keys.timer(5, 'retry/r/x'),
  ],
  ...[keys.activeRun('r'), keys.logHead(), keys.logEntry(1), keys.logKeys(), keys.logPolicy(), keys.witness('w')],
];

/** Bodies between which every rule of workOf has something to see, whatever row they are taken for. */
const BODIES: readonly (object | null)[] = [
  null,
  { state: 'admitting', holders: ['a'], concurrency: 1 },
  { state: 'claimed', holders: ['a'], concurrency: 1, expiresAtMs: 5 },
  { state: 'dispatched', cancel: 'cancelled', expiresAtMs: 5, holders: [], concurrency: 2 },
  {
    state: 'settled',
    handle: 'h',
    late: ['late-stop'],
    lateControls: ['x'],
    completedAtMs: 5,
    holders: [],
    concurrency: 3,
  },
  { token: 't', released: true, holders: [], concurrency: 1 },
  { token: 'u', released: true, holders: [], concurrency: 1 },
  { token: 't', holders: [], concurrency: 1 },
  { released: true, holders: [], concurrency: 1 },
];

const CHANGES: readonly RowChange[] = KEYS.flatMap((key) =>
  BODIES.flatMap((before) => BODIES.map((after) => ({ ...key, before, after }))),
).filter(({ before, after }) => before !== null || after !== null);

describe('filters of the table’s stream', () => {
  it('every change that asks advance for something is delivered to it', () => {
    const asking = CHANGES.filter((change) => workOf(change).some((work) => work.do !== 'dispatch'));
    assert.ok(asking.length > 50);
    for (const change of asking) assert.ok(isDelivered(ADVANCING, change), JSON.stringify(change));
  });

  it('every change that asks for a dispatch is delivered to dispatch', () => {
    const asking = CHANGES.filter((change) => workOf(change).some((work) => work.do === 'dispatch'));
    assert.ok(asking.length > 0);
    for (const change of asking) assert.ok(isDelivered(DISPATCHING, change), JSON.stringify(change));
  });

  it('an attempt on its usual way calls each of them once, and its execution calls neither', () => {
    const [claimed, dispatched, settled] = ['claimed', 'dispatched', 'settled'].map((state) => ({ state }));
    const way = [null, claimed, dispatched, settled].map((body) => body ?? null);
    const changes = way.slice(1).map((after, n) => ({ ...keys.attempt(ATTEMPT), before: way[n] ?? null, after }));
    const parked = { token: 't' };
    const executed = [
      { ...EXECUTION, before: null, after: parked },
      { ...EXECUTION, before: parked, after: { ...parked, released: true } },
    ];
    const delivered = (patterns: readonly object[]): boolean[] =>
      [...changes, ...executed].map((change) => isDelivered(patterns, change));
    assert.deepEqual(delivered(DISPATCHING), [true, false, false, false, false]);
    assert.deepEqual(delivered(ADVANCING), [false, false, true, false, false]);
  });

  it('no more of them filter than Lambda allows, and rows that never ask are not delivered', () => {
    assert.ok(ADVANCING.length <= 5);
    const silent = new Set(KEYS.map(({ sk }) => sk));
    for (const { sk } of CHANGES.filter((change) => workOf(change).length > 0)) silent.delete(sk);
    const delivered = CHANGES.filter((change) => silent.has(change.sk) && isDelivered(ADVANCING, change));
    assert.deepEqual(delivered, []);
    assert.ok(silent.size > 10);
  });
});
