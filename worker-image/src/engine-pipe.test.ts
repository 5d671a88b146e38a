import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { openEnginePipe } from './engine-pipe.ts';

describe('engine pipe:', () => {
  it('each line is an order, however it arrives; its end means that the engine is gone', async () => {
    const pipe = new PassThrough();
    let gone = 0;
    const engine = openEnginePipe(pipe, () => {
      gone += 1;
    });
    for (const text of ['a1 http://127.0', '.0.1/lease', ' stay\na2 http://', '127.0.0.1/other\n']) pipe.write(text);
    assert.deepEqual(await engine.next(), { attemptId: 'a1', leaseUrl: 'http://127.0.0.1/lease', stay: true });
    assert.deepEqual(await engine.next(), { attemptId: 'a2', leaseUrl: 'http://127.0.0.1/other', stay: false });
    const third = engine.next();
    assert.equal(gone, 0);
    pipe.end('and more');
    await assert.rejects(third, /LEASE_INVALID/);
    assert.equal(gone, 1);
  });

  it('`end` says that no other order follows, and takes nothing from those before it', async () => {
    const pipe = new PassThrough();
    const engine = openEnginePipe(pipe, () => {});
    pipe.write('a1 http://127.0.0.1/lease stay\nend\n');
    assert.equal((await engine.next())?.attemptId, 'a1');
    assert.equal(await engine.next(), null);
  });

  for (const [title, text] of [
    ['that ends without a line', 'a1 http://x'],
    ['with a line that does not end', 'x'.repeat(10_000)],
    ['with a line that names no lease', 'a1\n'],
    ['with a line that says more', 'a1 http://x stay here\n'],
    ['with a line that says something else', 'a1 http://x leave\n'],
  ] as const) {
    it(`one ${title} orders nothing`, async () => {
      const pipe = new PassThrough();
      const engine = openEnginePipe(pipe, () => {});
      pipe.end(text);
      await assert.rejects(engine.next(), /LEASE_INVALID/);
    });
  }
});
