/** The contract of the run store port, over any adapter. Case ids are stable: `RS-07` means the same for ever. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import fc from 'fast-check';
import { MAX_ACTIONS, MAX_ROW_BYTES, type RunStore } from '#ports/run-store.ts';
import { aroundBed } from './around-bed.ts';

export interface RunStoreBed {
  store: RunStore;
  /** The same rows through a new adapter, as after a crash: only what was durable is there. */
  reopen(): Promise<RunStore>;
  close(): Promise<void>;
}

export function runStoreSuite(name: string, open: () => Promise<RunStoreBed>): void {
  const withStore = (use: (store: RunStore, bed: RunStoreBed) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed.store, bed));
  const put = (pk: string, sk: string, expect: number, body: object = {}) => ({
    do: 'put' as const,
    pk,
    sk,
    expect,
    body,
  });

  describe(`run store: ${name}`, () => {
    it(
      'RS-01 an absent row reads as null',
      withStore(async (store) => {
        assert.deepEqual(await store.get([{ pk: 'a', sk: 'b' }]), [null]);
      }),
    );

    it(
      'RS-02 a row is visible as soon as its transaction has resolved, with version 1',
      withStore(async (store) => {
        assert.equal(await store.transact([put('a', 'b', 0, { n: 1, list: ['x'], deep: { y: null } })]), 1);
        const [row] = await store.get([{ pk: 'a', sk: 'b' }]);
        assert.deepEqual(
          { ...row, body: { ...row?.body } },
          { pk: 'a', sk: 'b', version: 1, body: { n: 1, list: ['x'], deep: { y: null } } },
        );
      }),
    );

    it(
      'RS-03 versions are a Lamport clock over all rows that a transaction names',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0)]);
        await store.transact([put('a', '1', 1)]);
        assert.equal(await store.transact([put('a', '2', 0), { do: 'check', pk: 'a', sk: '1', expect: 2 }]), 3);
        const rows = await store.get([
          { pk: 'a', sk: '1' },
          { pk: 'a', sk: '2' },
        ]);
        assert.deepEqual(
          rows.map((row) => row?.version),
          [2, 3],
        );
      }),
    );

    it(
      'RS-04 one wrong expectation leaves every row as it was',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0, { n: 1 })]);
        const conflicting = [put('a', '2', 0), put('a', '1', 0, { n: 2 })];
        await assert.rejects(store.transact(conflicting), isRetryable('ROW_CONFLICT'));
        const rows = await store.get([
          { pk: 'a', sk: '1' },
          { pk: 'a', sk: '2' },
        ]);
        assert.deepEqual([rows[0]?.body, rows[1]], [{ n: 1 }, null]);
      }),
    );

    for (const action of ['put', 'delete', 'check'] as const) {
      it(
        `RS-05 ${action} on a row that has moved on is a conflict`,
        withStore(async (store) => {
          await store.transact([put('a', '1', 0)]);
          await store.transact([put('a', '1', 1)]);
          const late = action === 'put' ? put('a', '1', 1) : { do: action, pk: 'a', sk: '1', expect: 1 };
          await assert.rejects(store.transact([late]), isRetryable('ROW_CONFLICT'));
        }),
      );
    }

    it(
      'RS-15 what a query answered is not held to be so once it has changed',
      withStore(async (store) => {
        const range = { prefix: '', limit: 10 };
        await store.transact([put('a', '1', 0), put('a', '2', 0), put('a', '3', 0)]);
        await store.durable();
        assert.equal((await store.query('a', range)).length, 3);
        await store.transact([put('a', '1', 1), { do: 'delete', pk: 'a', sk: '2', expect: 1 }]);
        await store.durable();
        for (const stale of [put('a', '1', 1), { do: 'delete' as const, pk: 'a', sk: '2', expect: 1 }]) {
          await assert.rejects(store.transact([stale]), isRetryable('ROW_CONFLICT'));
        }
        await store.transact([put('a', '1', 2), put('a', '2', 0), { do: 'delete', pk: 'a', sk: '3', expect: 1 }]);
        const versions = (await store.query('a', range)).map(({ sk, version }) => [sk, version]);
        assert.deepEqual(versions, [
          ['1', 3],
          ['2', 3],
        ]);
      }),
    );

    it(
      'RS-06 a deleted row is absent and can be created again',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0)]);
        await store.transact([{ do: 'delete', pk: 'a', sk: '1', expect: 1 }]);
        assert.deepEqual(await store.get([{ pk: 'a', sk: '1' }]), [null]);
        assert.deepEqual(await store.query('a', { prefix: '', limit: 10 }), []);
        await store.transact([put('a', '1', 0)]);
      }),
    );

    it(
      'RS-07 get answers in the order of the keys, doubles included',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0, { n: 1 }), put('a', '2', 0, { n: 2 })]);
        const rows = await store.get([
          { pk: 'a', sk: '2' },
          { pk: 'a', sk: '1' },
          { pk: 'b', sk: '1' },
          { pk: 'a', sk: '2' },
        ]);
        assert.deepEqual(
          rows.map((row) => row?.body.n),
          [2, 1, undefined, 2],
        );
      }),
    );

    it(
      'RS-08 query answers one pk, one prefix, by the bytes of sk, after and up to',
      withStore(async (store) => {
        const names = ['x/a', 'x/b', 'x/Z', 'x/é', 'x/', 'w', 'y'];
        await store.transact([...names.map((sk) => put('p', sk, 0)), put('q', 'x/a', 0)]);
        const sks = async (range: Parameters<RunStore['query']>[1]) =>
          (await store.query('p', range)).map(({ sk }) => sk);
        assert.deepEqual(await sks({ prefix: 'x/', limit: 10 }), ['x/', 'x/Z', 'x/a', 'x/b', 'x/é']);
        assert.deepEqual(await sks({ prefix: 'x/', limit: 2, after: 'x/Z' }), ['x/a', 'x/b']);
        assert.deepEqual(await sks({ prefix: '', limit: 10 }), ['w', 'x/', 'x/Z', 'x/a', 'x/b', 'x/é', 'y']);
        assert.deepEqual(await sks({ prefix: 'x/é', limit: 10, after: 'x/é' }), []);
      }),
    );

    it(
      'RS-08b keys are ordered by their bytes where UTF-16 orders them otherwise, and none is beyond a prefix',
      withStore(async (store, bed) => {
        const [below, top, astral, last] = ['\ud7ff', '\uffff', '\u{1f600}', '\u{10ffff}'];
        const inOrder = ['a', below, top, astral, last].map((name) => `k/${name}`);
        await store.transact(inOrder.toReversed().map((sk) => put('p', sk, 0)));
        await store.transact([put('p', `k/${last}${last}`, 0), put('p', `${top}/a`, 0), put('p', `${astral}/a`, 0)]);
        // More than a store knows by heart once it is opened.
        for (let n = 0; n < 1_100; n += 100)
          await store.transact(Array.from({ length: 100 }, (_, k) => put('p', `b/${n + k}`, 0)));
        await store.durable();
        const whole = [...inOrder, `k/${last}${last}`];
        for (const seen of [store, await bed.reopen()]) {
          const sks = async (range: Parameters<RunStore['query']>[1]) =>
            (await seen.query('p', range)).map(({ sk }) => sk);
          assert.deepEqual(await sks({ prefix: 'k/', limit: 10 }), whole);
          for (const [n, after] of whole.entries())
            assert.deepEqual(await sks({ prefix: 'k/', limit: 2, after }), whole.slice(n + 1, n + 3), `after ${n}`);
          assert.deepEqual(await sks({ prefix: '', limit: 10, after: 'c' }), [...whole, `${top}/a`, `${astral}/a`]);
          // What is to come after is before all that begins so, by bytes and not by units of UTF-16.
          assert.deepEqual(await sks({ prefix: astral, limit: 10, after: top }), [`${astral}/a`]);
          assert.deepEqual(await sks({ prefix: top, limit: 10, after: astral }), []);
        }
      }),
    );

    it(
      'RS-09 a query sees what was written a moment ago',
      withStore(async (store) => {
        await store.transact([put('p', 'a', 0, { n: 1 })]);
        await store.query('p', { prefix: '', limit: 1 });
        await store.transact([put('p', 'a', 1, { n: 2 })]);
        const [row] = await store.query('p', { prefix: '', limit: 1 });
        assert.deepEqual([row?.body, row?.version], [{ n: 2 }, 2]);
      }),
    );

    it(
      'RS-10 of twenty concurrent writers with one expectation exactly one wins',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0)]);
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) => store.transact([put('a', '1', 1, { n })])),
        );
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      }),
    );

    it(
      'RS-11 what was durable survives, whole transactions only',
      withStore(async (store, bed) => {
        await store.transact([put('a', '1', 0, { n: 1 }), put('b', '1', 0, { n: 1 })]);
        await store.durable();
        const again = await bed.reopen();
        const rows = await again.get([
          { pk: 'a', sk: '1' },
          { pk: 'b', sk: '1' },
        ]);
        assert.deepEqual(
          rows.map((row) => row?.body.n),
          [1, 1],
        );
      }),
    );

    it(
      'RS-12 changing an object after handing it over changes no row',
      withStore(async (store) => {
        const body = { list: [1] };
        await store.transact([put('a', '1', 0, body)]);
        try {
          body.list.push(2);
        } catch {
          // An adapter may have frozen it.
        }
        const [row] = await store.get([{ pk: 'a', sk: '1' }]);
        assert.deepEqual(row?.body.list, [1]);
      }),
    );

    it(
      'RS-13 limits are refused by name and change nothing',
      withStore(async (store) => {
        const many = Array.from({ length: MAX_ACTIONS + 1 }, (_, n) => put('a', String(n), 0));
        await assert.rejects(store.transact(many), isTerminal('TRANSACTION_TOO_LARGE'));
        await assert.rejects(store.transact([put('a', '1', 0), put('a', '1', 0)]), isTerminal('TRANSACTION_TOO_LARGE'));
        await assert.rejects(
          store.transact([put('a', '1', 0, { text: 'x'.repeat(MAX_ROW_BYTES) })]),
          isTerminal('ROW_TOO_LARGE'),
        );
        const large = Array.from({ length: 12 }, (_, n) => put('a', `large-${n}`, 0, { text: 'x'.repeat(300_000) }));
        await assert.rejects(store.transact(large), isTerminal('TRANSACTION_TOO_LARGE'));
        assert.deepEqual(await store.query('a', { prefix: '', limit: 1 }), []);
        await store.transact(large.slice(1));
        await store.transact(many.slice(1));
      }),
    );

    it(
      'RS-15 what is discarded is gone, absent or not, however much it is, and may be written again',
      withStore(async (store, bed) => {
        const names = Array.from({ length: 60 }, (_, n) => String(n).padStart(3, '0'));
        await store.transact(names.map((sk) => put('a', sk, 0)));
        await store.transact([put('b', '000', 0), put('a', '000', 1)]);
        await store.query('a', { prefix: '', limit: 100 });
        const kept = names.splice(30, 1);
        await store.discard([...names.map((sk) => ({ pk: 'a', sk })), { pk: 'a', sk: 'never' }]);
        await store.discard([]);
        await store.durable();
        for (const each of [store, await bed.reopen()]) {
          const rows = await each.query('a', { prefix: '', limit: 100 });
          assert.deepEqual(
            rows.map(({ sk }) => sk),
            kept,
          );
          const [gone, other] = await each.get([
            { pk: 'a', sk: '000' },
            { pk: 'b', sk: '000' },
          ]);
          assert.deepEqual([gone, other?.sk], [null, '000']);
        }
      }),
    );

    it(
      'RS-16 a row that was discarded expects version 0 of whoever writes it',
      withStore(async (store) => {
        await store.transact([put('a', '1', 0)]);
        await store.discard([{ pk: 'a', sk: '1' }]);
        await assert.rejects(store.transact([put('a', '1', 1)]), isRetryable('ROW_CONFLICT'));
        assert.equal(await store.transact([put('a', '1', 0)]), 1);
      }),
    );

    it('RS-14 behaves as a map with versions under any sequence of transactions', async () => {
      const key = fc.constantFrom('a', 'b', 'c', 'd');
      const action = fc.record({ do: fc.constantFrom('put', 'delete', 'check'), sk: key, slip: fc.boolean() });
      const steps = fc.array(fc.uniqueArray(action, { minLength: 1, maxLength: 4, selector: ({ sk }) => sk }), {
        maxLength: 20,
      });
      await fc.assert(
        fc.asyncProperty(steps, (sequence) => withStore((store) => replayOnModel(store, sequence))()),
        { numRuns: 25 },
      );
    });
  });
}

type Step = { do: string; sk: string; slip: boolean }[];

async function replayOnModel(store: RunStore, sequence: Step[]): Promise<void> {
  const model = new Map<string, { version: number; n: number }>();
  for (const [n, step] of sequence.entries()) {
    const known = (sk: string): number => model.get(sk)?.version ?? 0;
    const actions = step.map(({ do: kind, sk, slip }) => {
      const expect = known(sk) + (slip ? 1 : 0);
      return kind === 'put'
        ? { do: 'put' as const, pk: 'm', sk, expect, body: { n } }
        : { do: kind as 'delete' | 'check', pk: 'm', sk, expect };
    });
    const version = 1 + Math.max(...actions.map(({ expect }) => expect));
    if (step.some(({ slip }) => slip)) await assert.rejects(store.transact(actions), isRetryable('ROW_CONFLICT'));
    else {
      assert.equal(await store.transact(actions), version);
      for (const { do: kind, sk } of actions) {
        if (kind === 'put') model.set(sk, { version, n });
        if (kind === 'delete') model.delete(sk);
      }
    }
    const rows = await store.query('m', { prefix: '', limit: 10 });
    const wanted = [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sk, { version, n }]) => [sk, version, n]);
    assert.deepEqual(
      rows.map(({ sk, version, body }) => [sk, version, body.n]),
      wanted,
    );
  }
}

function isRetryable(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WaybillError && error.retryable && error.code === code;
}

function isTerminal(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WaybillError && !error.retryable && error.code === code;
}
