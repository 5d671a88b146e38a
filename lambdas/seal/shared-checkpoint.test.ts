import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedCheckpoint } from './shared-checkpoint.ts';

describe('a shared checkpoint', () => {
  it('is made once, when all have asked or left', async () => {
    let made = 0;
    const shared = new SharedCheckpoint(3, async () => {
      made += 1;
      return 7;
    });
    const first = shared.ask();
    shared.leave();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(made, 0, 'the third may still append');
    assert.deepEqual(await Promise.all([first, shared.ask()]), [7, 7]);
    assert.equal(made, 1);
  });

  it('is not made when nobody wants it, and fails for all who do', async () => {
    let made = 0;
    const unwanted = new SharedCheckpoint(1, async () => ++made);
    unwanted.leave();
    assert.equal(made, 0);
    const failing = new SharedCheckpoint(2, () => Promise.reject(new RangeError('away')));
    const asked = [failing.ask(), failing.ask()];
    for (const each of asked) await assert.rejects(each, /away/);
  });
});
