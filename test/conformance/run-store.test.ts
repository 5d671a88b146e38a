import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import { openLocalRunStore } from '#adapters/local/run-store.ts';
import { runStoreSuite } from './run-store.suite.ts';

runStoreSuite('SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-store-'));
  const store = openLocalRunStore(join(directory, 'store.sqlite'));
  const opened = [store];
  return {
    store,
    async reopen() {
      // A copy of the files is what a crash leaves: nothing of the process that wrote them.
      cpSync(directory, `${directory}-copy`, { recursive: true });
      const again = openLocalRunStore(join(`${directory}-copy`, 'store.sqlite'));
      opened.push(again);
      return again;
    },
    async close() {
      for (const each of opened) await each.close();
      for (const path of [directory, `${directory}-copy`]) rmSync(path, { recursive: true, force: true });
    },
  };
});

describe('run store: SQLite alone', () => {
  const inDirectory = (use: (directory: string) => Promise<void>) => async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-store-'));
    try {
      await use(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };

  it(
    'transactions of one turn are not in the file before durable has resolved, and all are after',
    inDirectory(async (directory) => {
      const store = openLocalRunStore(join(directory, 'store.sqlite'));
      const countIn = async (name: string): Promise<number> => {
        cpSync(directory, join(directory, '..', name), { recursive: true });
        const copy = openLocalRunStore(join(directory, '..', name, 'store.sqlite'));
        const rows = await copy.query('p', { prefix: '', limit: 100 });
        await copy.close();
        rmSync(join(directory, '..', name), { recursive: true });
        return rows.length;
      };
      for (let n = 0; n < 10; n += 1)
        await store.transact([{ do: 'put', pk: 'p', sk: String(n), expect: 0, body: {} }]);
      await store.query('p', { prefix: '', limit: 1 });
      assert.equal(await countIn('before'), 0);
      await store.durable();
      assert.equal(await countIn('after'), 10);
      await store.close();
    }),
  );

  it(
    'a second opening of the same file is refused with the name of the reason',
    inDirectory(async (directory) => {
      const store = openLocalRunStore(join(directory, 'store.sqlite'));
      assert.throws(
        () => openLocalRunStore(join(directory, 'store.sqlite')),
        (error) => error instanceof WaybillError && error.code === 'ENGINE_RUNNING',
      );
      await store.close();
      await openLocalRunStore(join(directory, 'store.sqlite')).close();
    }),
  );

  it(
    'a failed write kills the store: later calls refuse instead of answering from memory',
    inDirectory(async (directory) => {
      const store = openLocalRunStore(join(directory, 'store.sqlite'));
      await store.transact([{ do: 'put', pk: 'p', sk: 'a', expect: 0, body: {} }]);
      const closed = store.close();
      await closed;
      await assert.rejects(
        store.get([{ pk: 'p', sk: 'a' }]),
        (error) => error instanceof WaybillError && error.code === 'STORE_FAILED',
      );
    }),
  );
});
