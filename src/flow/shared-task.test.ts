import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedTask } from './shared-task.ts';

/** A task whose runs a test ends one by one. */
function controlled(): {
  task: SharedTask<number>;
  started: () => number;
  end(n: number, fails?: boolean): Promise<void>;
} {
  const ends: ((fails: boolean) => void)[] = [];
  const task = new SharedTask(
    () =>
      new Promise<number>((resolve, reject) => {
        const n = ends.length;
        ends.push((fails) => (fails ? reject(new RangeError(`run ${n}`)) : resolve(n)));
      }),
  );
  return {
    task,
    started: () => ends.length,
    async end(n, fails = false) {
      ends[n]?.(fails);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('shared task', () => {
  it('all who ask while it runs are served by one later run, which begins after they asked', async () => {
    const { task, started, end } = controlled();
    const first = task.request();
    const [second, third] = [task.request(), task.request()];
    assert.equal(started(), 1);
    await end(0);
    assert.equal(started(), 2);
    await end(1);
    assert.deepEqual(await Promise.all([first, second, third]), [0, 1, 1]);
    const fourth = task.request();
    assert.equal(started(), 3);
    await end(2);
    assert.equal(await fourth, 2);
  });

  it('a run that fails fails only for those who asked for it', async () => {
    const { task, end } = controlled();
    const first = assert.rejects(task.request(), RangeError);
    const second = task.request();
    await end(0, true);
    await first;
    await end(1);
    assert.equal(await second, 1);
  });

  it('never runs twice at once, also when whoever was served asks again at once', async () => {
    let running = 0;
    let most = 0;
    const task = new SharedTask(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    });
    const again = async (): Promise<void> => {
      for (let n = 0; n < 5; n += 1) await task.request();
    };
    await Promise.all(Array.from({ length: 10 }, again));
    assert.equal(most, 1);
  });
});
