import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FreeProcesses } from './free-processes.ts';

/** What is never given is waited for, and no timer ends that. */
const WITHIN = { timeout: 20_000 };

class Stand {
  mayServe = true;
  dismiss(): void {
    this.mayServe = false;
  }
}

/** Processes, and a clock that stands still until it is told. */
function bed(): { free: FreeProcesses<Stand>; pass(ms: number): void; underWay(): number } {
  const timers = new Set<{ dueMs: number; run: () => void }>();
  let nowMs = 0;
  const free = new FreeProcesses<Stand>({
    after: (delayMs, run) => {
      const timer = { dueMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const timer of timers) if (timer.dueMs <= nowMs && timers.delete(timer)) timer.run();
  };
  return { free, pass, underWay: () => timers.size };
}

it(
  'free processes: one that is free is taken at once, that which was busy last, by who may share it, and once',
  WITHIN,
  async () => {
    const { free, underWay } = bed();
    const [first, last, other] = [new Stand(), new Stand(), new Stand()];
    free.add(first, 'a');
    free.add(last, 'a');
    free.add(other, 'b');
    assert.equal(await free.take('a'), last);
    assert.equal(await free.take('a'), first);
    assert.equal(await free.take('a'), null);
    assert.equal(await free.take('b'), other);
    assert.equal(underWay(), 0);
  },
);

it('free processes: one that is about to be free is waited for, and goes to who asked first', WITHIN, async () => {
  const { free, pass, underWay } = bed();
  const worker = new Stand();
  free.addEnding(worker, 'a');
  const [first, second, stranger] = [free.take('a'), free.take('a'), free.take('b')];
  assert.deepEqual([await second, await stranger], [null, null]);
  free.add(worker, 'a');
  assert.equal(await first, worker);
  assert.equal(await free.take('a'), null);
  pass(10_000);
  assert.deepEqual([worker.mayServe, underWay()], [true, 0]);
});

it(
  'free processes: who waits for one is given another that is free before, and leaves the one it waited for',
  WITHIN,
  async () => {
    const { free, underWay } = bed();
    const [slow, quick, other] = [new Stand(), new Stand(), new Stand()];
    free.addEnding(slow, 'a');
    const waiting = free.take('a');
    free.add(other, 'b');
    free.add(quick, 'a');
    assert.equal(await waiting, quick);
    const next = free.take('a');
    free.add(slow, 'a');
    assert.equal(await next, slow);
    assert.equal(await free.take('b'), other);
    assert.equal(underWay(), 0);
  },
);

it(
  'free processes: nobody waits for longer than a start takes, and what comes free later is there for the next',
  WITHIN,
  async () => {
    const { free, pass } = bed();
    const worker = new Stand();
    free.addEnding(worker, 'a');
    let given: Stand | null | undefined;
    const waiting = free.take('a').then((one) => {
      given = one;
    });
    pass(99);
    await new Promise(setImmediate);
    assert.equal(given, undefined);
    pass(1);
    await waiting;
    assert.equal(given, null);
    // It was not as quick as it said: nobody waits for it again.
    assert.equal(await free.take('a'), null);
    free.add(worker, 'a');
    assert.equal(await free.take('a'), worker);
  },
);

it('free processes: nobody waits any longer for one that ends', WITHIN, async () => {
  const { free, underWay } = bed();
  const worker = new Stand();
  free.addEnding(worker, 'a');
  const waiting = free.take('a');
  free.remove(worker);
  assert.equal(await waiting, null);
  assert.equal(underWay(), 0);
});

it('free processes: one that may serve no more is not taken, waited for or given', WITHIN, async () => {
  const { free } = bed();
  const [idle, condemned, stray] = [new Stand(), new Stand(), new Stand()];
  free.add(idle, 'a');
  free.addEnding(condemned, 'a');
  idle.dismiss();
  condemned.dismiss();
  assert.equal(await free.take('a'), null);
  free.addEnding(stray, 'b');
  const waiting = free.take('b');
  free.add(stray, 'b');
  // It says what is no answer in one piece with its answer.
  stray.dismiss();
  assert.equal(await waiting, null);
});

it('free processes: one that nobody takes ends after a while', WITHIN, async () => {
  const { free, pass } = bed();
  const [idle, late] = [new Stand(), new Stand()];
  free.add(idle, 'a');
  free.addEnding(late, 'a');
  free.add(late, 'a');
  pass(1_999);
  assert.deepEqual([idle.mayServe, late.mayServe], [true, true]);
  pass(1);
  assert.deepEqual([idle.mayServe, late.mayServe], [false, false]);
  assert.equal(await free.take('a'), null);
});
