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
 * - `discard` takes rows away whatever they say, and costs less than a transaction. Absent ones are fine, and there is no limit.
 *   It is not atomic: when it fails, some may be gone. It is for rows that are written once, and that nobody decides by.
 * - `get` answers in the order of the keys, null for absent rows. `query` answers rows of one pk whose sk starts with
 *   `prefix`, ordered by the bytes of sk, `after` an sk (exclusive), at most `limit`. Both are strongly consistent.
 * - A query with `snapshot` is causally closed: if row B was written by a transaction that saw row A, then an answer with B
 *   whose range covers A has A too, unless A was deleted before the answer. Without it rows of one answer may have been
 *   read at different times.
 * - A store may not be to be had for a while: RetryableError STORE_BUSY, and the outcome of a `transact` is then open.
 * - Limits: 100 actions a transaction and 3,500,000 bytes of JSON in it (TerminalError TRANSACTION_TOO_LARGE), 350,000 bytes
 *   of JSON a row (TerminalError ROW_TOO_LARGE), one action per row in a transaction (TerminalError TRANSACTION_TOO_LARGE
 *   for doubles). Every adapter has them, so that what one takes the others take too.
 * Adapters may differ in latency, and in whether durable ever waits.
 */
import { TerminalError } from '@waybill/client/errors';

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
  /** Costs a store without snapshots a second reading; only who orders causes and effects by the answer needs it. */
  snapshot?: true;
}

export const MAX_ACTIONS = 100;
export const MAX_ROW_BYTES = 350_000;
/** DynamoDB's limit is 4 MB with the names of the attributes. */
export const MAX_TRANSACTION_BYTES = 3_500_000;

export interface RunStore {
  get(keys: readonly RowKey[]): Promise<(Row | null)[]>;
  query(pk: string, range: RowRange): Promise<Row[]>;
  /** Resolves with the version that the rows were written with. */
  transact(actions: readonly Action[]): Promise<number>;
  discard(keys: readonly RowKey[]): Promise<void>;
  durable(): Promise<void>;
}

/** Refuses what no adapter takes: too many actions, or two on one row. */
export function requireFitting(actions: readonly Action[]): void {
  if (actions.length <= MAX_ACTIONS && actions.every((action, n) => !hasBefore(actions, n, action))) return;
  throw new TerminalError({
    code: 'TRANSACTION_TOO_LARGE',
    path: 'transaction',
    problem: `${actions.length} actions; at most ${MAX_ACTIONS}, one a row`,
    fix: 'Split it into transactions that are right one by one.',
  });
}

/** Comparing keys takes less than making names to be looked up: most transactions are of a few rows. */
function hasBefore(actions: readonly Action[], end: number, { pk, sk }: Action): boolean {
  for (let n = 0; n < end; n += 1) {
    const other = actions[n] as Action;
    if (other.sk === sk && other.pk === pk) return true;
  }
  return false;
}

/** The text of a body that is to be written, null where none is; refuses one that is too large. */
export function jsonOf(action: Action): string | null {
  if (action.do !== 'put') return null;
  const json = JSON.stringify(action.body);
  if (exceeds([json], MAX_ROW_BYTES)) {
    throw new TerminalError({
      code: 'ROW_TOO_LARGE',
      path: `${action.pk} ${action.sk}`,
      problem: `the row has more than ${MAX_ROW_BYTES} bytes`,
      fix: 'Keep large values as artifacts and their digests in rows.',
    });
  }
  return json;
}

/** Refuses bodies that together are more than one transaction takes. */
export function requireSmall(texts: readonly (string | null)[]): void {
  if (!exceeds(texts, MAX_TRANSACTION_BYTES)) return;
  throw new TerminalError({
    code: 'TRANSACTION_TOO_LARGE',
    path: 'transaction',
    problem: `the rows have more than ${MAX_TRANSACTION_BYTES} bytes`,
    fix: 'Split it into transactions that are right one by one.',
  });
}

function exceeds(texts: readonly (string | null)[], maxBytes: number): boolean {
  const units = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  // Three bytes a UTF-16 unit is the most that UTF-8 takes; most texts are settled by that.
  return units * 3 > maxBytes && texts.reduce((sum, text) => sum + bytesOf(text ?? ''), 0) > maxBytes;
}

/** Of a text in UTF-8. */
export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
