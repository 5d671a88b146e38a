import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  type QueryCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { RetryableError, TerminalError, WaybillError } from '@waybill/client/errors';
import { createTableRunStore, refusalOf } from '#adapters/aws/run-store.ts';
import type { Action, Row, RunStore } from '#ports/run-store.ts';
import { runStoreSuite } from '../conformance/run-store.suite.ts';
import { start } from './beds/dynamodb-local.ts';
import type { StartedBed } from './beds/started-bed.ts';
import { clientOf, createTable, deleteTable } from './table.ts';

let bed: StartedBed;
let client: DynamoDBClient;
let tables = 0;

before(async () => {
  bed = await start();
  client = clientOf(bed.url);
});
after(async () => {
  client.destroy();
  await bed.stop();
});

async function newTable(): Promise<string> {
  tables += 1;
  const table = `rows-${tables}`;
  await createTable(client, table);
  return table;
}

runStoreSuite('DynamoDB', async () => {
  const table = await newTable();
  return {
    store: createTableRunStore({ client, table, settleMs: 0 }),
    // Another process has nothing of this one but the table.
    reopen: async () => createTableRunStore({ client: clientOf(bed.url), table }),
    close: () => deleteTable(client, table),
  };
});

const put = (sk: string, expect = 0, body: object = {}): Action => ({ do: 'put', pk: 'p', sk, expect, body });

/** The store with something done before or to each answer of one kind of request. */
function troubled(
  handle: (command: object, next: () => Promise<unknown>) => Promise<unknown>,
  table: string,
): RunStore {
  const proxied = new Proxy(client, {
    get: (target, name) =>
      name === 'send' ? (command: never) => handle(command, () => target.send(command)) : Reflect.get(target, name),
  });
  return createTableRunStore({ client: proxied, table, settleMs: 0 });
}

const hasCode = (kind: typeof RetryableError | typeof TerminalError, code: string) => (error: unknown) =>
  error instanceof kind && error.code === code;

describe('run store: DynamoDB alone', () => {
  it('reads more keys than one request takes, and rows of many pages, each in its order', async () => {
    const store = createTableRunStore({ client, table: await newTable() });
    const names = Array.from({ length: 250 }, (_, n) => String(n).padStart(3, '0'));
    for (let from = 0; from < names.length; from += 25)
      await store.transact(names.slice(from, from + 25).map((sk) => put(sk, 0, { text: sk.repeat(3_000) })));
    const rows = await store.get(names.toReversed().map((sk) => ({ pk: 'p', sk })));
    assert.deepEqual(
      rows.map((row) => row?.sk),
      names.toReversed(),
    );
    const sks = async (limit: number, after?: string): Promise<string[]> =>
      (await store.query('p', { prefix: '', limit, ...(after === undefined ? {} : { after }) })).map(({ sk }) => sk);
    assert.deepEqual(await sks(1_000), names, 'two megabytes: three pages');
    assert.deepEqual(await sks(180, '009'), names.slice(10, 190));
  });

  it('reads again what DynamoDB left unprocessed, and says STORE_BUSY when it leaves the same for ever', async () => {
    const table = await newTable();
    const wanted = ['a', 'b', 'c'].map((sk) => ({ pk: 'p', sk }));
    await createTableRunStore({ client, table }).transact(['a', 'b', 'c'].map((sk) => put(sk)));
    const leaving = (times: number): RunStore => {
      let left = times;
      return troubled(async (command, next) => {
        const answer = await next();
        if (!(command instanceof BatchGetItemCommand) || left <= 0) return answer;
        left -= 1;
        const { Responses = {} } = answer as BatchGetItemCommandOutput;
        const [last] = (Responses[table] ?? []).splice(-1);
        const Keys = last === undefined ? [] : [{ pk: last.pk, sk: last.sk }];
        return { Responses, UnprocessedKeys: { [table]: { Keys } } };
      }, table);
    };
    const rows = await leaving(2).get(wanted);
    assert.deepEqual(rows.map((row) => row?.sk).sort(), ['a', 'b', 'c']);
    await assert.rejects(leaving(Number.POSITIVE_INFINITY).get(wanted), hasCode(RetryableError, 'STORE_BUSY'));
  });

  it('an item without a body is no row: the launcher keeps its own under the same partition', async () => {
    const table = await newTable();
    const store = createTableRunStore({ client, table });
    await store.transact([put('attempt')]);
    await client.send(
      new PutItemCommand({ TableName: table, Item: { pk: { S: 'p' }, sk: { S: 'execution' }, token: { S: 't' } } }),
    );
    assert.deepEqual(
      (await store.query('p', { prefix: '', limit: 10 })).map(({ sk }) => sk),
      ['attempt'],
    );
    assert.deepEqual(await store.get([{ pk: 'p', sk: 'execution' }]), [null]);
  });

  it('a request that is sent again because its answer was lost is not done twice', async () => {
    const table = await newTable();
    let sent = 0;
    const store = troubled(async (_command, next) => {
      sent += 1;
      await next();
      // As the SDK does it: the same request, token and all.
      return next();
    }, table);
    assert.equal(await store.transact([put('a'), put('b')]), 1);
    const [row] = await createTableRunStore({ client, table }).get([{ pk: 'p', sk: 'a' }]);
    assert.deepEqual([sent, row?.version], [1, 1]);
  });

  it('a row alone whose write was sent again, and that is not as expected then, may have been written', async () => {
    const table = await newTable();
    const quiet = createTableRunStore({ client, table });
    let attempts = 1;
    const store = troubled(async (command, next) => {
      assert.ok(command instanceof PutItemCommand || command instanceof DeleteItemCommand, 'a plain write, for half');
      // As the SDK does it, which says how often it has asked.
      for (let n = 1; n < attempts; n += 1) await next();
      return next().catch((error: Error) => {
        throw Object.assign(error, { $metadata: { attempts } });
      });
    }, table);
    assert.equal(await store.transact([put('a')]), 1);
    await assert.rejects(store.transact([put('a')]), hasCode(RetryableError, 'ROW_CONFLICT'));
    attempts = 2;
    await assert.rejects(store.transact([put('a', 1)]), hasCode(RetryableError, 'STORE_BUSY'));
    const [row] = await quiet.get([{ pk: 'p', sk: 'a' }]);
    assert.equal(row?.version, 2, 'and here it was');
    await assert.rejects(
      store.transact([{ do: 'delete', pk: 'p', sk: 'a', expect: 2 }]),
      hasCode(RetryableError, 'STORE_BUSY'),
    );
    assert.deepEqual(await quiet.get([{ pk: 'p', sk: 'a' }]), [null]);
  });

  it('discards again what DynamoDB left unprocessed, and says STORE_BUSY when it leaves the same for ever', async () => {
    const table = await newTable();
    const leaving = (times: number): RunStore => {
      let left = times;
      return troubled(async (command, next) => {
        if (!(command instanceof BatchWriteItemCommand) || left <= 0) return next();
        left -= 1;
        const { RequestItems = {} } = command.input;
        const [last] = (RequestItems[table] ?? []).splice(-1);
        if ((RequestItems[table] ?? []).length > 0) await next();
        return { UnprocessedItems: { [table]: [last] } };
      }, table);
    };
    const all = ['a', 'b', 'c'].map((sk) => ({ pk: 'p', sk }));
    const quiet = createTableRunStore({ client, table });
    await quiet.transact(all.map(({ sk }) => put(sk)));
    await leaving(2).discard(all);
    assert.deepEqual(await quiet.get(all), [null, null, null]);
    await quiet.transact(all.map(({ sk }) => put(sk)));
    await assert.rejects(leaving(Number.POSITIVE_INFINITY).discard(all), hasCode(RetryableError, 'STORE_BUSY'));
  });

  it('a table that is not there is no reason to try again', async () => {
    const store = createTableRunStore({ client, table: 'no-such-table' });
    await assert.rejects(store.get([{ pk: 'p', sk: 'a' }]), hasCode(TerminalError, 'STORE_FAILED'));
    await assert.rejects(store.transact([put('a')]), hasCode(TerminalError, 'STORE_FAILED'));
  });
});

describe('run store: snapshots of DynamoDB', () => {
  /** Between any two pages of a query an effect is written behind the reader, and its cause before it. */
  async function readWhileWritten(snapshot: boolean): Promise<string[]> {
    const table = await newTable();
    const quiet = createTableRunStore({ client, table });
    await quiet.transact(Array.from({ length: 20 }, (_, n) => put(`m${n + 10}`)));
    let written = false;
    const store = troubled(async (command, next) => {
      // Pages of five, so that there is something between them.
      const input = (command as { input: { Limit?: number } }).input;
      if (input.Limit !== undefined) input.Limit = Math.min(5, input.Limit);
      const answer = (await next()) as QueryCommandOutput;
      if (!written) {
        written = true;
        await quiet.transact([put('a-cause')]);
        await quiet.transact([{ do: 'check', pk: 'p', sk: 'a-cause', expect: 1 }, put('z-effect')]);
      }
      return answer;
    }, table);
    const range = { prefix: '', limit: 100, ...(snapshot ? { snapshot: true as const } : {}) };
    return (await store.query('p', range)).map(({ sk }) => sk).filter((sk) => !sk.startsWith('m'));
  }

  it('one reading may show an effect without its cause: the anomaly is real', async () => {
    assert.deepEqual(await readWhileWritten(false), ['z-effect']);
  });

  it('a snapshot never does', async () => {
    assert.deepEqual(await readWhileWritten(true), ['a-cause', 'z-effect']);
  });

  it('a range that never stands still is STORE_BUSY and not a wrong answer', async () => {
    const table = await newTable();
    const quiet = createTableRunStore({ client, table });
    let n = 0;
    await quiet.transact([put('first')]);
    const store = troubled(async (_command, next) => {
      n += 1;
      await quiet.transact([put(`k${n}`)]);
      return next();
    }, table);
    const restless = store.query('p', { prefix: '', limit: 100, snapshot: true });
    await assert.rejects(restless, hasCode(RetryableError, 'STORE_BUSY'));
  });
});

describe('run store: refusals of DynamoDB', () => {
  const rows: Pick<Row, 'pk' | 'sk'>[] = [
    { pk: 'p', sk: 'a' },
    { pk: 'p', sk: 'b' },
  ];
  const refusals = [
    { reasons: ['None', 'ConditionalCheckFailed'], code: 'ROW_CONFLICT', retryable: true, path: 'p b' },
    { reasons: ['TransactionConflict', 'None'], code: 'ROW_CONFLICT', retryable: true, path: 'p a' },
    { reasons: ['ThrottlingError', 'None'], code: 'STORE_BUSY', retryable: true },
    { reasons: ['None', 'ProvisionedThroughputExceeded'], code: 'STORE_BUSY', retryable: true },
    { reasons: ['ThrottlingError', 'ConditionalCheckFailed'], code: 'ROW_CONFLICT', retryable: true, path: 'p b' },
    { reasons: ['ValidationError', 'None'], code: 'STORE_FAILED', retryable: false },
    { reasons: [], name: 'TransactionInProgressException', code: 'STORE_BUSY', retryable: true },
    { reasons: [], name: 'ThrottlingException', code: 'STORE_BUSY', retryable: true },
    { reasons: [], name: 'ValidationException', code: 'STORE_FAILED', retryable: false },
    { reasons: [], name: 'AccessDeniedException', code: 'STORE_FAILED', retryable: false },
    { reasons: [], name: 'TimeoutError', code: 'STORE_BUSY', retryable: true },
    { reasons: [], name: 'InternalServerError', code: 'STORE_BUSY', retryable: true },
  ];
  for (const { reasons, name = 'TransactionCanceledException', code, retryable, path = 'table' } of refusals) {
    it(`${name} for ${reasons.join(', ') || 'the whole'} is ${code}`, () => {
      const cause = Object.assign(new RangeError('said'), { name });
      const codes = reasons.map((Code) => ({ Code }));
      const error = refusalOf('table', rows, name, codes, cause);
      assert.ok(error instanceof WaybillError);
      assert.deepEqual([error.code, error.retryable, error.path, error.cause === cause], [code, retryable, path, true]);
    });
  }
});
