import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Digest, digestOf } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import type { AttemptClaim, EventData, PlannedItem, RunCounts, RunEvent } from '../record/events.ts';
import { deriveAttemptId } from '../record/ids.ts';
import { NO_COUNTS } from './end-rules.ts';
import { LockReplay } from './lock-replay.ts';
import { PlanBook } from './plan-book.ts';
import { RunMachine } from './run-machine.ts';

const RUN = 'ab'.repeat(16);
const AT = '2026-11-21T05:00:00.000Z';
const DIGEST: Digest = `sha256:${'00'.repeat(32)}`;
const PRINCIPAL = `hmac-sha256:${'00'.repeat(32)}` as const;

function planned(id: string, ...deps: string[]): PlannedItem {
  return { id, spec: DIGEST, deps, needs: [], locks: [], maxAttempts: 1 };
}

/** Replays events of a run with the items `first` and `second`, which depends on it. */
function replay(events: readonly RunEvent[], deadline?: string): RunMachine {
  const plan = new PlanBook();
  const machine = new RunMachine(RUN, plan);
  const items = [planned('first'), planned('second', 'first')];
  const opened: EventData['run.opened'] = {
    name: 'run',
    queue: 'default',
    principal: PRINCIPAL,
    submission: DIGEST,
    plan: DIGEST,
    items: 2,
    edges: 1,
    source: { kind: 'none' },
    ...(deadline === undefined ? {} : { deadline }),
  };
  machine.apply({ type: 'run.opened', data: opened }, AT);
  plan.add({ part: 0, parts: 1, items });
  machine.apply({ type: 'run.planned', data: { part: 0, parts: 1, items } }, AT);
  for (const event of events) machine.apply(event, AT);
  return machine;
}

function claimOf(item: string, attempt = 1): AttemptClaim {
  return { item, attempt, id: deriveAttemptId(RUN, item, attempt), epoch: attempt, locks: [] };
}

const READY: RunEvent = { type: 'item.ready', data: { items: ['first'] } };
const CLAIM: RunEvent = { type: 'attempt.claimed', data: { queue: 'default', claims: [claimOf('first')] } };
const CLAIM_AGAIN: RunEvent = { type: 'attempt.claimed', data: { queue: 'default', claims: [claimOf('first', 2)] } };
const CANCEL = controlOf('cancel');
const CANCEL_FIRST = controlOf('cancel', 'first');
const PAUSE = controlOf('pause');
const RESUME = controlOf('resume');
const SKIP = controlOf('skip', 'first');
const RETRY = controlOf('retry', 'first');
const PASSED_OVER = { id: 'first', state: 'skipped', reason: 'skip_requested' } as const;
const STOP: RunEvent = { type: 'run.stopping', data: { reason: 'cancelled' } };

function controlOf(verb: EventData['control.accepted']['verb'], item?: string): RunEvent {
  const about = item === undefined ? {} : { item };
  return { type: 'control.accepted', data: { verb, ...about, principal: PRINCIPAL, control: DIGEST } };
}

function reopened(...items: string[]): RunEvent {
  return { type: 'item.reopened', data: { items } };
}

function settled(how: Partial<EventData['attempt.settled']>): RunEvent {
  const { item, attempt, id, epoch } = claimOf('first');
  const data: EventData['attempt.settled'] = {
    item,
    attempt,
    id,
    epoch,
    outcome: 'lost',
    reason: 'start_failed',
    next: 'retry',
    spent: false,
    ...((how.next ?? 'retry') === 'retry' ? { retryAt: AT } : {}),
    exit: null,
    result: null,
    outputs: [],
    attestations: [],
    claimed: { blocks: [] },
    ...how,
  };
  return { type: 'attempt.settled', data };
}

const DISPATCH = dispatched(claimOf('first'));

function dispatched({ item, attempt, id }: { item: string; attempt: number; id: string }): RunEvent {
  return { type: 'attempt.dispatched', data: { item, attempt, id, manifest: DIGEST, isolation: 'bubblewrap' } };
}
const DEFERRED = { outcome: 'deferred', reason: 'launch_deferred' } as const;

/** The places of an attempt that its end repeats. */
const SECOND = (({ locks: _none, ...place }) => place)(claimOf('first', 2));

function closed(...items: EventData['item.closed']['items']): RunEvent {
  return { type: 'item.closed', data: { items } };
}

function completed(state: EventData['run.completed']['state'], counts: Partial<RunCounts>): RunEvent {
  return { type: 'run.completed', data: { state, counts: { ...NO_COUNTS, items: 2, ...counts } } };
}

const SKIPPED = { id: 'second', state: 'skipped', reason: 'upstream_failed', cause: 'first' } as const;
const CANCELLED = { state: 'cancelled', reason: 'cancelled' } as const;
const LATE = { state: 'cancelled', reason: 'deadline_exceeded' } as const;

test('run machine: a run that is cancelled before anything runs is complete', () => {
  const all = closed({ id: 'first', ...CANCELLED }, { id: 'second', ...CANCELLED });
  replay([CANCEL, STOP, all, completed('cancelled', { cancelled: 2 })]).finish();
});

test('run machine: an attempt may end before it was dispatched, and the next one counts as a retry', () => {
  const failed = settled({ ...SECOND, next: 'failed' });
  const counts = { failed: 1, skipped: 1, attempts: 2, retries: 1 };
  replay([READY, CLAIM, settled({}), CLAIM_AGAIN, failed, closed(SKIPPED), completed('failed', counts)]).finish();
});

test('run machine: an attempt for which there was no room is tried again, and a worker may say deferred of itself', () => {
  const said = { outcome: 'deferred', reason: 'needs_input', exit: 20 } as const;
  const failed = settled({
    ...SECOND,
    outcome: 'deferred',
    reason: 'needs_input',
    next: 'failed',
    spent: true,
    result: DIGEST,
    claimed: { ...said, blocks: [] },
  });
  replay([READY, CLAIM, DISPATCH, settled(DEFERRED), CLAIM_AGAIN, dispatched(claimOf('first', 2)), failed]);
});

test('run machine: causes may be closed in the same event as what they cause, in any order', () => {
  const failed = { id: 'first', state: 'failed', reason: 'deadline_exceeded' } as const;
  replay([closed(SKIPPED, failed), completed('failed', { failed: 1, skipped: 1 })]).finish();
});

test('run machine: an item fails without an attempt for a full record only when it was tried and is ready again', () => {
  const full = closed({ id: 'first', state: 'failed', reason: 'record_full' });
  replay([READY, CLAIM, settled({}), full, closed(SKIPPED)]);
  for (const before of [[], [READY], [READY, CLAIM]])
    assert.throws(() => replay([...before, full]), /without an attempt/);
});

test('run machine: a deadline stops a run that has one', () => {
  const stop: RunEvent = { type: 'run.stopping', data: { reason: 'deadline_exceeded' } };
  replay([stop], AT);
  assert.throws(() => replay([stop], '2026-11-21T05:00:00.001Z'), /without a cause/);
  assert.throws(() => replay([stop]), /without a cause/);
});

test('run machine: a run that is stopped at its deadline cancels nothing, but for what somebody asked', () => {
  const stop: RunEvent = { type: 'run.stopping', data: { reason: 'deadline_exceeded' } };
  const cancelled = closed({ id: 'first', ...CANCELLED });
  replay([CANCEL_FIRST, stop, cancelled], AT);
  assert.throws(() => replay([stop, cancelled], AT), /nobody asked for it/);
  assert.throws(() => replay([stop, closed({ id: 'first', ...LATE })], AT), /for reason deadline_exceeded/);
});

test('run machine: a run whose end is missing is not complete', () => {
  assert.throws(() => replay([READY]).finish(), /never completed/);
});

test('run machine: an attempt that was claimed before a cancel may still be dispatched and settled', () => {
  const ended = settled({ outcome: 'cancelled', reason: 'cancelled', next: 'cancelled' });
  for (const asked of [[CANCEL, STOP], [CANCEL_FIRST]]) replay([READY, CLAIM, ...asked, DISPATCH, ended]);
});

test('run machine: a paused run goes on with what runs, claims nothing, and may even end', () => {
  const failed = settled({ next: 'failed' });
  replay([PAUSE, READY, RESUME, CLAIM, PAUSE, settled({}), RESUME, CLAIM_AGAIN]);
  const counts = { failed: 1, skipped: 1, attempts: 1 };
  replay([READY, CLAIM, PAUSE, failed, closed(SKIPPED), completed('failed', counts)]).finish();
});

test('run machine: a failed item is tried again when somebody asked, with what was skipped because of it', () => {
  const failed = settled({ outcome: 'failed', reason: 'exit_nonzero', next: 'failed', spent: true });
  const again = settled({ ...SECOND, outcome: 'failed', reason: 'exit_nonzero', next: 'failed', spent: true });
  const reopen = [RETRY, reopened('first'), reopened('second'), READY];
  const counts = { failed: 1, skipped: 1, attempts: 2, retries: 1, reopened: 2 };
  const once = [READY, CLAIM, failed, closed(SKIPPED)];
  replay([...once, ...reopen, CLAIM_AGAIN, again, closed(SKIPPED), completed('failed', counts)]).finish();
  replay([READY, CLAIM, settled({}), RETRY, CLAIM_AGAIN]);
  const uncounted = [
    ...once,
    ...reopen,
    CLAIM_AGAIN,
    again,
    closed(SKIPPED),
    completed('failed', { ...counts, reopened: 0 }),
  ];
  assert.throws(() => replay(uncounted), /counts reopened 0, the events say 2/);
  const cases: [RunEvent[], RegExp][] = [
    [[RETRY], /while it is pending/],
    [[READY, CLAIM, RETRY], /while it is running/],
    [[READY, RETRY], /while it is ready/],
    [[controlOf('retry')], /about no item/],
    [[...once, reopened('first')], /nobody asked for it/],
    [[...once, RETRY, reopened('first'), reopened('first')], /while pending/],
    [[...once, RETRY, reopened('second')], /nothing that it depends on was/],
    [[...once, ...reopen, CLAIM], /attempt 1 at item first follows attempt 1/],
    [[...once, ...reopen, CLAIM_AGAIN, again, reopened('first')], /nobody asked for it/],
    [[...once, RETRY, CANCEL, STOP, reopened('first')], /after the run was stopped/],
    [[...once, CANCEL, STOP, RETRY], /after the run was stopped/],
    [[...once, RETRY, reopened('first'), completed('failed', counts)], /while item first is pending/],
    [[READY, CLAIM, reopened('first')], /while running/],
  ];
  for (const [events, reason] of cases) assert.throws(() => replay(events), reason);
  const late = closed({ id: 'first', state: 'failed', reason: 'deadline_exceeded' });
  const over = settled({ outcome: 'timed_out', reason: 'deadline_exceeded', next: 'failed', spent: true });
  for (const end of [[settled({}), late], [over]])
    assert.throws(() => replay([READY, CLAIM, ...end, RETRY]), /after its deadline/);
  for (const asked of [
    [CANCEL_FIRST, RETRY],
    [RETRY, CANCEL_FIRST, reopened('first')],
  ])
    assert.throws(() => replay([READY, CLAIM, failed, ...asked]), /after it was cancelled/);
  const unmoved = [...once, RETRY, completed('failed', { failed: 1, skipped: 1, attempts: 1 })];
  assert.throws(() => replay(unmoved), /was to be tried again and is not/);
  const skipped = [controlOf('skip', 'second'), closed({ ...PASSED_OVER, id: 'second' })];
  const passedOver = [...skipped, READY, CLAIM, failed, RETRY, reopened('first'), reopened('second')];
  assert.throws(() => replay(passedOver), /to be passed over/);
});

test('run machine: an item that is passed over leaves the state of the run to the others', () => {
  replay([SKIP, closed(PASSED_OVER), closed(SKIPPED), completed('done', { skipped: 2 })]).finish();
  replay([READY, PAUSE, SKIP, closed(PASSED_OVER)]);
  const others = [SKIP, CANCEL, STOP, closed({ id: 'first', ...CANCELLED }, { id: 'second', ...CANCELLED })];
  const ended = completed('cancelled', { cancelled: 2 });
  assert.throws(() => replay([...others, ended]), /was to be passed over and ends as cancelled/);
});

test('run machine: nothing may happen twice, too early or to a stranger', () => {
  const cases: [RunEvent[], RegExp][] = [
    [[READY, READY], /ready while ready/],
    [[CLAIM], /claimed while pending/],
    [[READY, CLAIM, CLAIM], /claimed while running/],
    [[READY, settled({})], /while the item is ready/],
    [[READY, CLAIM, closed(SKIPPED)], /which is running/],
    [[READY, CLAIM, closed({ id: 'first', ...CANCELLED })], /closed while running/],
    [[{ type: 'item.ready', data: { items: ['third'] } }], /not in the plan/],
    [[CANCEL, STOP, STOP], /stopped twice/],
    [[STOP], /without a cause/],
    [[controlOf('cancel', 'third')], /not in the plan/],
    [[READY, CLAIM, settled({ retryAt: '2026-11-21T05:00:00.000Z', next: 'failed' })], /which its retryAt denies/],
    [[READY, CANCEL_FIRST, CLAIM], /after it was cancelled/],
    [[READY, PAUSE, CLAIM], /while the run is paused/],
    [[PAUSE, PAUSE], /changes nothing/],
    [[RESUME], /changes nothing/],
    [[CANCEL, STOP, PAUSE], /after the run was stopped/],
    [[controlOf('pause', 'first')], /about item first/],
    [[READY, SKIP, CLAIM], /to be passed over/],
    [[READY, CLAIM, SKIP], /while it is running/],
    [[SKIP, closed(PASSED_OVER), SKIP], /while it is skipped/],
    [[controlOf('skip')], /about no item/],
    [[controlOf('skip', 'third')], /not in the plan/],
    [[CANCEL, STOP, SKIP], /after the run was stopped/],
    [[closed(PASSED_OVER)], /nobody asked for it/],
    [[CANCEL, closed({ ...PASSED_OVER, state: 'cancelled' })], /nobody asked for it/],
    [[SKIP, closed({ ...PASSED_OVER, reason: 'bored' })], /without a cause/],
    [[controlOf('skip', 'second'), closed({ ...PASSED_OVER, id: 'second', cause: 'first' })], /without a cause/],
    [[closed({ id: 'first', state: 'denied', reason: 'denied' })], /closed as denied/],
    [[CANCEL, closed({ id: 'first', state: 'cancelled', reason: 'ok' })], /for reason ok/],
    [[CANCEL, STOP, closed({ id: 'first', ...LATE })], /for reason deadline_exceeded/],
    [
      [READY, CLAIM, CANCEL, STOP, settled({ outcome: 'cancelled', next: LATE.state, reason: LATE.reason })],
      /for reason/,
    ],
    [[closed({ id: 'first', state: 'failed', reason: 'bad_luck' })], /without an attempt/],
    [[READY, CLAIM, settled({ spent: true }), CLAIM_AGAIN, settled({ ...SECOND, spent: true })], /the plan allows 1/],
    [[READY, CLAIM, settled({ result: DIGEST })], /never dispatched/],
    [[READY, CLAIM, settled({ ...DEFERRED, reason: 'needs_input' })], /deferred for reason needs_input/],
    [[READY, CLAIM, settled({ ...DEFERRED, outcome: 'lost' })], /lost for reason launch_deferred/],
    [[READY, CLAIM, settled({ ...DEFERRED, next: 'failed' })], /never launched and yet leads to failed/],
    [[READY, CLAIM, settled({ ...DEFERRED, spent: true })], /never launched and yet counts/],
    [[READY, CLAIM, DISPATCH, settled({ ...DEFERRED, exit: 1 })], /never launched and yet counts/],
    [[READY, CLAIM, settled({ outcome: 'succeeded', reason: 'ok', next: 'done' })], /without a result/],
  ];
  for (const [events, reason] of cases) assert.throws(() => replay(events), reason);
});

test('locks: shared holders come together, an exclusive one alone, and fences rise with each', () => {
  const shared = (fence: number): [{ name: string; mode: 'shared'; fence: number }] => [
    { name: 'a', mode: 'shared', fence },
  ];
  const exclusive = (fence: number): [{ name: string; mode: 'exclusive'; fence: number }] => [
    { name: 'a', mode: 'exclusive', fence },
  ];
  const locks = new LockReplay();
  locks.acquire(shared(1), 'one');
  locks.acquire(shared(2), 'two');
  assert.throws(() => locks.acquire(exclusive(3), 'three'), /while it is held/);
  assert.throws(() => locks.acquire(shared(2), 'three'), /does not rise/);
  locks.release(shared(1));
  assert.throws(() => locks.acquire(exclusive(3), 'three'), /while it is held/);
  locks.release(shared(2));
  locks.acquire(exclusive(3), 'three');
  assert.throws(() => locks.acquire(shared(4), 'four'), /while it is held/);
});

/** A plan of these items, judged against what an honest opening would promise. */
function judge(items: PlannedItem[]): void {
  const plan = new PlanBook();
  plan.add({ part: 0, parts: 1, items });
  const edges = items.reduce((sum, { deps }) => sum + deps.length, 0);
  plan.close({ plan: digestOf(items.map((item) => `${canonicalize(item)}\n`).join('')), items: items.length, edges });
}

test('plan: a chain of 10,000 items is judged without running out of stack, whichever way it is listed', () => {
  const id = (n: number): string => `item-${n}`;
  const chain = Array.from({ length: 10_000 }, (_, n) => planned(id(n), ...(n === 9_999 ? [] : [id(n + 1)])));
  judge(chain);
  judge(chain.toReversed());
});

test('plan: cycles, strangers, unsorted deps and needs without a dependency are refused', () => {
  const lock = (name: string) => ({ name, mode: 'shared' }) as const;
  const need = { key: 'k', from: ['a'], select: 'patch' } as const;
  const cases: [PlannedItem[], RegExp][] = [
    [[planned('a', 'b'), planned('b', 'c'), planned('c', 'a')], /depends on itself/],
    [[planned('a', 'b')], /not in the plan/],
    [[planned('a'), planned('b'), planned('c', 'b', 'a')], /not sorted/],
    [[planned('a'), planned('b'), planned('c', 'a', 'a')], /not sorted/],
    [[planned('a'), { ...planned('b'), needs: [{ ...need, from: ['a'] }] }], /does not depend on/],
    [[{ ...planned('a'), locks: [lock('y'), lock('x')] }], /locks of item a are not sorted/],
    [[{ ...planned('a'), locks: [lock('x'), lock('x')] }], /locks of item a are not sorted/],
    [
      [
        { ...planned('a'), more: true },
        { ...planned('a'), locks: [lock('x')] },
      ],
      /not of one item/,
    ],
    [
      [
        { ...planned('a'), more: true },
        { ...planned('a'), maxAttempts: 2 },
      ],
      /not of one item/,
    ],
    [[planned('a'), planned('a')], /planned twice/],
    [[{ ...planned('a'), more: true }, planned('b')], /cut short/],
    [[{ ...planned('a'), more: true }], /incomplete/],
  ];
  for (const [items, reason] of cases) assert.throws(() => judge(items), reason);
  judge([planned('a'), planned('b', 'a'), planned('c', 'a', 'b')]);
});
