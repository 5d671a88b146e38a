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
    'what a partition that is too large to be known as a whole holds is found, and so is that something is not there',
    inDirectory(async (directory) => {
      const keys = Array.from({ length: 250 }, (_, n) => ({ pk: 'p', sk: `row-${String(n).padStart(3, '0')}` }));
      const put = (key: { pk: string; sk: string }, expect: number) => ({
        do: 'put' as const,
        ...key,
        expect,
        body: key,
      });
      const first = openLocalRunStore(join(directory, 'store.sqlite'));
      for (const key of keys) await first.transact([put(key, 0)]);
      await first.close();
      const store = openLocalRunStore(join(directory, 'store.sqlite'));
      const last = keys.at(-1) ?? { pk: '', sk: '' };
      await assert.rejects(store.transact([put(last, 0)]), { code: 'ROW_CONFLICT' });
      assert.equal(await store.transact([put(last, 1)]), 2);
      await store.transact([put({ pk: 'p', sk: 'new' }, 0)]);
      assert.deepEqual(await store.get([{ pk: 'p', sk: 'absent' }]), [null]);
      const rows = await store.query('p', { prefix: 'row-', limit: 1_000 });
      assert.deepEqual(
        rows.map(({ pk, sk, body }) => [{ pk, sk }, body]),
        keys.map((key) => [key, key]),
      );
      await store.transact([{ do: 'delete', ...last, expect: 2 }]);
      assert.deepEqual(await store.get([last]), [null]);
      await store.close();
    }),
  );

  it(
    'what came and went in one turn leaves nothing behind',
    inDirectory(async (directory) => {
      const store = openLocalRunStore(join(directory, 'store.sqlite'));
      const row = { pk: 'p', sk: 'row' };
      await store.transact([{ do: 'put', ...row, expect: 0, body: { n: 1 } }]);
      await store.transact([{ do: 'delete', ...row, expect: 1 }]);
      await store.transact([{ do: 'put', ...row, expect: 0, body: { n: 2 } }]);
      await store.transact([{ do: 'delete', ...row, expect: 1 }]);
      await store.durable();
      assert.deepEqual(await store.get([row]), [null]);
      await store.transact([{ do: 'put', ...row, expect: 0, body: { n: 3 } }]);
      await store.durable();
      await store.transact([{ do: 'delete', ...row, expect: 1 }]);
      await store.close();
      const again = openLocalRunStore(join(directory, 'store.sqlite'));
      assert.deepEqual(await again.query('p', { prefix: '', limit: 10 }), []);
      await again.close();
    }),
  );

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
