/**
 * Run store: rows under two keys, changed only by conditional transactions. It knows nothing of runs; what rows mean
 * stands in src/core/rows.ts, once for every adapter.
 *
 * Contract
 * - A row is (pk, sk, version, body). `body` is a JSON object; adapters may freeze what they are handed and what they hand
 *   out, so whoever writes makes new objects.
 * - `version` is a Lamport clock. A transaction that names rows with expected versions v1..vn writes all its rows with
 *   1 + max(v1..vn); so versions of a row only grow, and if one transaction saw the effect of another, its version is
 *   the larger. Version 0 means: the row is absent.
 * - `transact` is all or nothing. Every action names the version it expects; if any is wrong, nothing is written and
 *   RetryableError ROW_CONFLICT is thrown: read again, decide again. It never retries by itself.
 * - When `transact` resolves, every later `get` and `query` through this store sees its rows. It may not be durable yet:
 *   `durable` resolves when everything that was visible at the time of the call would survive a crash. No effect outside
 *   the store may start before that. If durability fails the store is dead: every later call throws TerminalError
 *   STORE_FAILED, and the process must end, because it may have decided on what never happened.
 * - `get` answers in the order of the keys, null for absent rows. `query` answers rows of one pk whose sk starts with
 *   `prefix`, ordered by the bytes of sk, `after` an sk (exclusive), at most `limit`. Both are strongly consistent; a
 *   query is a snapshot: if row B was written by a transaction that saw row A, a result with B and a range over A has A.
 * - Limits: 100 actions a transaction (TerminalError TRANSACTION_TOO_LARGE), 350,000 bytes of JSON a row (TerminalError
 *   ROW_TOO_LARGE), one action per row in a transaction (TerminalError TRANSACTION_TOO_LARGE for doubles).
 * Adapters may differ in latency, and in whether durable ever waits.
 */
export interface RowKey {
  pk: string;
  sk: string;
}

export type RowBody = { readonly [key: string]: unknown };

export interface Row<Body extends object = RowBody> extends RowKey {
  version: number;
  body: Body;
}

export type Action =
  | { do: 'put'; pk: string; sk: string; expect: number; body: object }
  | { do: 'delete'; pk: string; sk: string; expect: number }
  | { do: 'check'; pk: string; sk: string; expect: number };

export interface RowRange {
  prefix: string;
  after?: string;
  limit: number;
}

export const MAX_ACTIONS = 100;
export const MAX_ROW_BYTES = 350_000;

export interface RunStore {
  get(keys: readonly RowKey[]): Promise<(Row | null)[]>;
  query(pk: string, range: RowRange): Promise<Row[]>;
  /** Resolves with the version that the rows were written with. */
  transact(actions: readonly Action[]): Promise<number>;
  durable(): Promise<void>;
}
