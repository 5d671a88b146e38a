import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { readLeaseUrl } from './engine-pipe.ts';

describe('engine pipe:', () => {
  it('its first line is the lease URL, however it arrives; its end means that the engine is gone', async () => {
    const pipe = new PassThrough();
    let gone = 0;
    const url = readLeaseUrl(pipe, () => {
      gone += 1;
    });
    for (const text of ['http://127.0', '.0.1/lease', '\nmore', '\n']) pipe.write(text);
    assert.equal(await url, 'http://127.0.0.1/lease');
    assert.equal(gone, 0);
    pipe.end('and more');
    await new Promise((resolve) => pipe.once('close', resolve));
    assert.equal(gone, 1);
  });

  for (const [title, text] of [
    ['that ends without a line', 'http://x'],
    ['with a line that does not end', 'x'.repeat(10_000)],
  ] as const) {
    it(`one ${title} names no lease`, async () => {
      const pipe = new PassThrough();
      const url = readLeaseUrl(pipe, () => {});
      pipe.end(text);
      await assert.rejects(url, /LEASE_INVALID/);
    });
  }
});
