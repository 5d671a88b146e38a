/** The contract of what a registry stands on, over any store. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Transport } from '@waybill/client';
import { aroundBed } from './around-bed.ts';

interface RegistryBed {
  transport: Transport;
  close(): Promise<void>;
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const KEY = 'capability/lint/000001.json';

export function registrySuite(name: string, open: () => Promise<RegistryBed>): void {
  const withRegistry = (use: (registry: Transport['registry']) => Promise<void>) =>
    aroundBed(open, ({ transport }) => use(transport.registry));

  describe(`registry: ${name}`, () => {
    it(
      'RE-01 what stands under a key stays, whoever writes there again',
      withRegistry(async (registry) => {
        assert.equal(await registry.get(KEY, 10), null);
        const writes = await Promise.all(['a', 'b', 'c'].map((text) => registry.putOnce(KEY, bytesOf(text))));
        assert.deepEqual(writes.toSorted(), [false, false, true]);
        const winner = ['a', 'b', 'c'][writes.indexOf(true)];
        assert.equal(Buffer.from((await registry.get(KEY, 10)) ?? []).toString(), winner);
      }),
    );

    it(
      'RE-02 keys are listed by what they begin with, in their order, and nothing else is',
      withRegistry(async (registry) => {
        const keys = ['capability/lint/000002.json', KEY, 'capability/lint2/000001.json', 'values/lint/000001.json'];
        for (const key of keys) await registry.putOnce(key, bytesOf('x'));
        await registry.putOnce(`sha256/${'0'.repeat(64)}`, bytesOf('x'));
        assert.deepEqual(await registry.list('capability/lint/'), [KEY, 'capability/lint/000002.json']);
        assert.deepEqual(await registry.list('capability/'), [
          KEY,
          ...keys.slice(0, 1),
          'capability/lint2/000001.json',
        ]);
        assert.deepEqual(await registry.list('pack/'), []);
      }),
    );

    it(
      'RE-03 what is too large is refused unread',
      withRegistry(async (registry) => {
        await registry.putOnce(KEY, bytesOf('12345'));
        assert.equal((await registry.get(KEY, 5))?.byteLength, 5);
        await assert.rejects(registry.get(KEY, 4), { code: 'OBJECT_TOO_LARGE' });
      }),
    );

    it(
      'RE-05 how large something is shows without reading it, and that nothing is there',
      withRegistry(async (registry) => {
        await registry.putOnce(KEY, bytesOf('12345'));
        assert.equal(await registry.sizeOf(KEY), 5);
        const content = `sha256/${'0'.repeat(64)}`;
        assert.equal(await registry.sizeOf(content), null);
        assert.equal(await registry.sizeOf('capability/lint/000002.json'), null);
        await registry.putOnce(content, bytesOf(''));
        assert.equal(await registry.sizeOf(content), 0);
        await assert.rejects(async () => registry.sizeOf('../x'), { code: 'KEY_INVALID' });
      }),
    );

    it(
      'RE-04 a key that would leave the registry is refused',
      withRegistry(async (registry) => {
        for (const key of ['../x', 'sha256/../../x', 'capability/a..b/000001.json', 'capability/lint', '']) {
          await assert.rejects(async () => registry.putOnce(key, bytesOf('x')), { code: 'KEY_INVALID' }, key);
          await assert.rejects(async () => registry.get(key, 1), { code: 'KEY_INVALID' }, key);
        }
      }),
    );
  });
}
