import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Throttle } from '#embedded/throttle.ts';
import { type Work, WorkList } from '#embedded/work-list.ts';
import { createLane } from '#flow/lane.ts';

const ignore = (): void => {};
const SILENT = {
  onWork: ignore,
  onOpened: ignore,
  onChanged: ignore,
  onCompleted: ignore,
  onEvents: ignore,
  onTimer: ignore,
  onEntered: ignore,
  onTrouble: ignore,
  onOutage: ignore,
};

function all(list: WorkList): Work[] {
  const taken: Work[] = [];
  for (let next = list.next(); next !== null; next = list.next()) taken.push(next);
  return taken;
}

it('work list: released locks come first, then ended items, then queues, then claims', () => {
  const list = new WorkList(SILENT);
  list.hints.claimed('a');
  list.hints.queueChanged('q');
  list.hints.itemEnded('r', 'i');
  list.hints.locksReleased('l');
  assert.deepEqual(
    all(list).map((work) => work.do),
    ['advance-locks', 'wake', 'advance', 'dispatch'],
  );
});

it('work list: a hint that is repeated is one piece of work, and none is left behind', () => {
  const list = new WorkList(SILENT);
  for (let n = 0; n < 3; n += 1) list.hints.queueChanged('q');
  assert.deepEqual(all(list), [{ do: 'advance', queue: 'q' }]);
  assert.equal(list.next(), null);
});

it('lane: tasks run one after another in order, and a failed one holds nobody up', async () => {
  const lane = createLane();
  const seen: string[] = [];
  const task = (name: string, ms: number, fail = false) =>
    lane(async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      seen.push(`${name} ends`);
      if (fail) throw new RangeError(name);
    });
  const results = await Promise.allSettled([task('a', 10), task('b', 1, true), task('c', 1)]);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

it('throttle: many requests are few writes, and the last state is always written', async () => {
  let state = 0;
  const written: number[] = [];
  const throttle = new Throttle(
    10,
    async () => {
      written.push(state);
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    () => {},
  );
  for (; state < 40; state += 1) {
    throttle.request('run');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throttle.request('run');
  await throttle.settle();
  assert.equal(written.at(-1), 40);
  assert.ok(written.length < 20, `${written.length} writes`);
});

it('throttle: settle waits for what was requested while a write was under way', async () => {
  let writes = 0;
  const throttle = new Throttle(
    1,
    async () => {
      writes += 1;
      if (writes === 1) throttle.request('run');
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    () => {},
  );
  throttle.request('run');
  await throttle.settle();
  assert.equal(writes, 2);
});

it('throttle: a write that fails is reported with its key and does not stop the next', async () => {
  const failures: string[] = [];
  let writes = 0;
  const throttle = new Throttle(
    1,
    async () => {
      writes += 1;
      if (writes === 1) throw new RangeError('disk');
    },
    (key) => failures.push(key),
  );
  throttle.request('run');
  await new Promise((resolve) => setTimeout(resolve, 20));
  throttle.request('run');
  await throttle.settle();
  assert.deepEqual([failures, writes], [['run'], 2]);
});
