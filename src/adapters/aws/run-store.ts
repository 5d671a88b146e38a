/**
 * Run store on one DynamoDB table: keys `pk` and `sk`, attributes `version` (N) and `body` (the JSON text, S, or B where it is
 * deflated: row-body.ts), and `state` of a body that has one. Items without a body are not rows: other adapters keep their own beside them.
 *
 * A transaction is one TransactWriteItems whose every action has a condition on the version. It carries a token, so a
 * request that is sent again because its answer was lost changes nothing a second time. It is durable when it resolves.
 * One of a single row is a plain write with the same condition, which costs half and takes no token: where the SDK has
 * sent it again and the condition then does not hold, it may have been the first try that was done, and that is said.
 *
 * **Snapshots.** DynamoDB has none of a range: Query reads each position of it at another instant, in the order of the
 * keys, and never one that has moved back. Therefore a range that is asked for as a snapshot is read until two readings,
 * one begun after the other had ended, agree. The answer is then closed under causes. Let B be in it, and let the
 * transaction of B have seen A, in the range. B was there in the first reading, hence it was written before that ended,
 * and A before B; so A was there before the second reading began. That one is strongly consistent and came by the
 * position of A, which lies before its end: below B, or below the last key where the limit did not cut. So it found A,
 * or A had been deleted. As both readings are the same, A is in the answer. Nothing here asks that keys are never used
 * again: it is the order of the readings that proves it.
 * One assumption is left. TransactWriteItems makes its writes visible one by one, and AWS does not say within which
 * time. The proof takes «A before B» to hold for what readers see. So the second reading begins a pause after the first
 * has ended, far longer than the writes of one transaction are apart.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { RetryableError, TerminalError, type WaybillError } from '@waybill/client/errors';
import { awsFailure, nameOf } from '#adapters/aws/aws-failure.ts';
import { bodyAttribute, stateAttribute, textOfBody } from '#adapters/aws/row-body.ts';
import {
  type Action,
  jsonOf,
  type Row,
  type RowKey,
  type RowRange,
  type RunStore,
  requireFitting,
  requireSmall,
} from '#ports/run-store.ts';

/** Most keys of one BatchGetItem. */
const KEYS_A_READ = 100;
/** Most rows of one BatchWriteItem. */
const ROWS_A_REMOVAL = 25;
const READINGS = 20;
const UNPROCESSED_TRIES = 8;
const FIRST_DELAY_MS = 20;
const SETTLE_MS = 25;

type Item = Record<string, AttributeValue>;

export interface TableSettings {
  client: DynamoDBClient;
  table: string;
  /** Between two readings of a snapshot. */
  settleMs?: number;
}

export function createTableRunStore(settings: TableSettings): RunStore {
  return new TableRunStore(settings);
}

class TableRunStore implements RunStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #settleMs: number;

  constructor({ client, table, settleMs = SETTLE_MS }: TableSettings) {
    this.#client = client;
    this.#table = table;
    this.#settleMs = settleMs;
  }

  async get(keys: readonly RowKey[]): Promise<(Row | null)[]> {
    const wanted = new Map(keys.map((key) => [placeOf(key), key]));
    const chunks = inChunks([...wanted.values()], KEYS_A_READ);
    const found = new Map<string, Row>();
    for (const rows of await Promise.all(chunks.map((chunk) => this.#readAll(chunk))))
      for (const row of rows) found.set(placeOf(row), row);
    return keys.map((key) => found.get(placeOf(key)) ?? null);
  }

  async query(pk: string, range: RowRange): Promise<Row[]> {
    let rows = await this.#readRange(pk, range);
    // What nothing was found of has no effect whose cause could be missing.
    if (range.snapshot === undefined || rows.length === 0) return rows;
    for (let reading = 1; reading < READINGS; reading += 1) {
      await delay(this.#settleMs);
      const before = rows;
      rows = await this.#readRange(pk, range);
      if (isSame(before, rows)) return rows;
    }
    throw new RetryableError({
      code: 'STORE_BUSY',
      path: `${this.#table}: ${pk} ${range.prefix}`,
      problem: `${READINGS} readings of the range differ: it is being written all the time`,
      fix: 'Try again; a smaller limit takes a shorter range.',
    });
  }

  async transact(actions: readonly Action[]): Promise<number> {
    requireFitting(actions);
    const version = 1 + Math.max(0, ...actions.map(({ expect }) => expect));
    const texts = actions.map(jsonOf);
    requireSmall(texts);
    if (actions.length === 0) return version;
    const items = actions.map((action, n) => this.#writeOf(action, version, texts[n] ?? ''));
    try {
      await this.#write(items);
    } catch (error) {
      throw this.#refusal(actions, error);
    }
    return version;
  }

  async #write(items: TransactWriteItem[]): Promise<void> {
    const [{ Put, Delete } = {}, ...more] = items;
    if (more.length === 0 && Put !== undefined) await this.#client.send(new PutItemCommand(Put));
    else if (more.length === 0 && Delete !== undefined) await this.#client.send(new DeleteItemCommand(Delete));
    else {
      const ClientRequestToken = randomUUID();
      await this.#client.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken }));
    }
  }

  async discard(keys: readonly RowKey[]): Promise<void> {
    for (const chunk of inChunks(keys, ROWS_A_REMOVAL)) {
      let rest: WriteRequest[] = chunk.map((key) => ({ DeleteRequest: { Key: keyOf(key) } }));
      for (let tried = 0; rest.length > 0; tried += 1) {
        if (tried === UNPROCESSED_TRIES) throw throttled(this.#table, `${rest.length} rows were left`);
        if (tried > 0) await pauseBefore(tried);
        const request = new BatchWriteItemCommand({ RequestItems: { [this.#table]: rest } });
        const answer = await this.#ask(() => this.#client.send(request));
        rest = answer.UnprocessedItems?.[this.#table] ?? [];
      }
    }
  }

  async durable(): Promise<void> {
    // A transaction that has resolved is on the disks of several zones.
  }

  async #readAll(keys: readonly RowKey[]): Promise<Row[]> {
    const rows: Row[] = [];
    let rest: Item[] = keys.map(keyOf);
    for (let tried = 0; rest.length > 0; tried += 1) {
      if (tried === UNPROCESSED_TRIES) throw throttled(this.#table, `${rest.length} keys were left unread`);
      if (tried > 0) await pauseBefore(tried);
      const request = { [this.#table]: { Keys: rest, ConsistentRead: true } };
      const answer = await this.#ask(() => this.#client.send(new BatchGetItemCommand({ RequestItems: request })));
      rows.push(...(answer.Responses?.[this.#table] ?? []).flatMap(rowOf));
      rest = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
    }
    return rows;
  }

  async #readRange(pk: string, { prefix, after = '', limit }: RowRange): Promise<Row[]> {
    const isBeyond = after !== '' && !after.startsWith(prefix);
    if (isBeyond && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) > 0) return [];
    const rows: Row[] = [];
    let from: Item | undefined = after === '' || isBeyond ? undefined : keyOf({ pk, sk: after });
    do {
      const answer = await this.#ask(() =>
        this.#client.send(
          new QueryCommand({
            TableName: this.#table,
            ConsistentRead: true,
            // An empty text is no value that begins_with takes.
            KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': { S: pk }, ...(prefix === '' ? {} : { ':prefix': { S: prefix } }) },
            ExclusiveStartKey: from,
            Limit: limit - rows.length,
          }),
        ),
      );
      rows.push(...(answer.Items ?? []).flatMap(rowOf));
      from = answer.LastEvaluatedKey;
    } while (from !== undefined && rows.length < limit);
    return rows;
  }

  #writeOf(action: Action, version: number, json: string): TransactWriteItem {
    const { pk, sk, expect } = action;
    const condition = {
      TableName: this.#table,
      ...(expect === 0
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'version = :expect',
            ExpressionAttributeValues: { ':expect': { N: String(expect) } },
          }),
    };
    if (action.do === 'check') return { ConditionCheck: { ...condition, Key: keyOf({ pk, sk }) } };
    if (action.do === 'delete') return { Delete: { ...condition, Key: keyOf({ pk, sk }) } };
    const attributes = { version: { N: String(version) }, ...stateAttribute(action.body), body: bodyAttribute(json) };
    return { Put: { ...condition, Item: { ...keyOf({ pk, sk }), ...attributes } } };
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw awsFailure(this.#table, error);
    }
  }

  #refusal(actions: readonly Action[], error: unknown): WaybillError {
    const { CancellationReasons, $metadata } = error as Refused;
    const name = nameOf(error);
    const alone = CONFLICTS_OF_ONE.get(name);
    if (alone !== undefined && ($metadata?.attempts ?? 1) > 1) return undecided(this.#table, actions, error);
    const reasons = CancellationReasons ?? (alone === undefined ? [] : [{ Code: alone }]);
    return refusalOf(this.#table, actions, name, reasons, error);
  }
}

/** What the SDK throws for a write that was not made. */
interface Refused {
  CancellationReasons?: { Code?: string }[];
  $metadata?: { attempts?: number };
}

/** What a plain write is refused with, as the reason that a transaction would have. */
const CONFLICTS_OF_ONE: ReadonlyMap<string, string> = new Map([
  ['ConditionalCheckFailedException', 'ConditionalCheckFailed'],
  ['TransactionConflictException', 'TransactionConflict'],
]);

function undecided(table: string, [action]: readonly RowKey[], cause: unknown): RetryableError {
  const problem = `it was sent again, and the row ${action?.pk} ${action?.sk} is not as it was before: it may have been written`;
  return new RetryableError(
    { code: 'STORE_BUSY', path: table, problem, fix: 'Read again and decide again.' },
    { cause },
  );
}

/**
 * Why a transaction was not made. Somebody else's transaction on one of its rows counts as a conflict, whichever of the
 * two would have been right; a throttle does not, and says nothing about the rows.
 */
export function refusalOf(
  table: string,
  actions: readonly RowKey[],
  name: string,
  reasons: readonly { Code?: string }[],
  cause: unknown,
): WaybillError {
  const at = (codes: readonly string[]): number => reasons.findIndex(({ Code }) => codes.includes(Code ?? ''));
  const conflict = at(['ConditionalCheckFailed', 'TransactionConflict']);
  if (conflict >= 0) {
    const { pk, sk } = actions[conflict] ?? { pk: '', sk: '' };
    const problem =
      reasons[conflict]?.Code === 'TransactionConflict' ? 'another transaction is at it' : 'it is not as expected';
    const fix = 'Read again and decide again.';
    return new RetryableError({ code: 'ROW_CONFLICT', path: `${pk} ${sk}`, problem, fix }, { cause });
  }
  if (at(['ThrottlingError', 'ProvisionedThroughputExceeded']) >= 0)
    return throttled(table, 'it was not written', cause);
  if (name === 'TransactionInProgressException') return throttled(table, 'the same request is under way', cause);
  if (at(['ValidationError']) >= 0) {
    const problem = `a row is none that DynamoDB takes: ${JSON.stringify(reasons)}`.slice(0, 1_000);
    const fix = 'Report this as a defect.';
    return new TerminalError({ code: 'STORE_FAILED', path: table, problem, fix }, { cause });
  }
  return awsFailure(table, cause);
}

function throttled(table: string, problem: string, cause?: unknown): RetryableError {
  const fix = 'Try again later; the table takes more as its load stays high.';
  return new RetryableError(
    { code: 'STORE_BUSY', path: table, problem: `DynamoDB throttles: ${problem}`, fix },
    { cause },
  );
}

function pauseBefore(tried: number): Promise<void> {
  return delay(FIRST_DELAY_MS * 2 ** tried * (0.5 + Math.random() / 2));
}

function keyOf({ pk, sk }: RowKey): Item {
  return { pk: { S: pk }, sk: { S: sk } };
}

function rowOf({ pk, sk, version, body }: Item): Row[] {
  const text = textOfBody(body);
  if (text === null) return [];
  return [{ pk: pk?.S ?? '', sk: sk?.S ?? '', version: Number(version?.N), body: JSON.parse(text) as Row['body'] }];
}

function placeOf({ pk, sk }: RowKey): string {
  return `${pk}\0${sk}`;
}

function isSame(left: readonly Row[], right: readonly Row[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ sk, version }, n) => sk === right[n]?.sk && version === right[n]?.version)
  );
}

function inChunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}
