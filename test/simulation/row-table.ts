/** The rows of a simulated deployment, and the run store over them as one container sees it. */
import { isDeepStrictEqual } from 'node:util';
import { RetryableError } from '@waybill/client/errors';
import type { RowChange } from '#core/row-changes.ts';
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
import type { Container } from './container.ts';
import { Violation } from './violation.ts';

interface Partition {
  rows: Map<string, Row>;
  /** Sorted. */
  names: string[];
}

/** One transaction that was committed. */
export interface Commit {
  /** Who did it, and when the invocation began in which it was done. */
  by: { name: string; sinceStep: number };
  changes: readonly RowChange[];
}

export class RowTable {
  /** A real store that is to do the same; null when none is asked. */
  mirror: RunStore | null = null;
  readonly #partitions = new Map<string, Partition>();
  readonly #watchers: ((commit: Commit) => void)[] = [];
  commits = 0;

  watch(watcher: (commit: Commit) => void): void {
    this.#watchers.push(watcher);
  }

  get(pk: string, sk: string): Row | null {
    return this.#partitions.get(pk)?.rows.get(sk) ?? null;
  }

  body<Body extends object>(key: RowKey): Body | null {
    return (this.get(key.pk, key.sk)?.body ?? null) as Body | null;
  }

  query(pk: string, { prefix, after, limit }: RowRange): Row[] {
    const partition = this.#partitions.get(pk);
    if (partition === undefined) return [];
    const { names, rows } = partition;
    const isBeyond = after !== undefined && after >= prefix;
    let place = firstAtLeast(names, isBeyond ? after : prefix);
    if (isBeyond && names[place] === after) place += 1;
    const found: Row[] = [];
    for (; place < names.length && found.length < limit; place += 1) {
      const name = names[place] as string;
      if (!name.startsWith(prefix)) break;
      found.push(rows.get(name) as Row);
    }
    return found;
  }

  partitions(): string[] {
    return [...this.#partitions.keys()].sort();
  }

  commit(by: Commit['by'], actions: readonly Action[]): number {
    let version = 1;
    for (const { pk, sk, expect } of actions) {
      const found = this.get(pk, sk)?.version ?? 0;
      if (found !== expect) throw conflict(pk, sk, expect, found);
      version = Math.max(version, expect + 1);
    }
    const changes: RowChange[] = [];
    for (const action of actions) {
      if (action.do === 'check') continue;
      const { pk, sk } = action;
      const before = this.get(pk, sk)?.body ?? null;
      const after = action.do === 'put' ? action.body : null;
      this.#write(pk, sk, after === null ? null : { pk, sk, version, body: after as Row['body'] });
      if (before !== null || after !== null) changes.push({ pk, sk, before, after });
    }
    this.commits += 1;
    if (changes.length > 0) for (const watcher of this.#watchers) watcher({ by, changes });
    return version;
  }

  #write(pk: string, sk: string, row: Row | null): void {
    let partition = this.#partitions.get(pk);
    if (partition === undefined) {
      partition = { rows: new Map(), names: [] };
      this.#partitions.set(pk, partition);
    }
    const { rows, names } = partition;
    if (row === null) {
      if (rows.delete(sk)) names.splice(firstAtLeast(names, sk), 1);
      return;
    }
    if (!rows.has(sk)) names.splice(firstAtLeast(names, sk), 0, sk);
    rows.set(sk, row);
  }
}

/**
 * A real run store beside the table, which must do the same and answer the same: the simulated histories then are tests of it. It is
 * slow, and its own time does not count.
 */
class Mirror {
  readonly #store: RunStore;

  constructor(store: RunStore) {
    this.#store = store;
  }

  async same<T>(expected: T, ask: (store: RunStore) => Promise<T>): Promise<T> {
    const answer = await ask(this.#store);
    if (!isDeepStrictEqual(answer, expected))
      throw new Violation('store', `the real store answers ${JSON.stringify(answer)}, not ${JSON.stringify(expected)}`);
    return expected;
  }
}

/** Reads that are no snapshot may see one half of their answer earlier than the other. */
export function runStoreOf(table: RowTable, container: Container): RunStore {
  const mirror = table.mirror === null ? null : new Mirror(table.mirror);
  const both = <T>(answer: T, ask: (store: RunStore) => Promise<T>): T | Promise<T> =>
    mirror === null ? answer : mirror.same(answer, ask);
  const isTorn = (count: number): boolean => count > 1 && container.timeline.steps % 7 === 0;
  return {
    async get(keys) {
      const read = (some: readonly RowKey[]) =>
        container.call(
          `get ${some[0]?.pk} ${some[0]?.sk}`,
          () =>
            both(
              some.map(({ pk, sk }) => table.get(pk, sk)),
              (store) => store.get(some),
            ),
          READ,
        );
      if (!isTorn(keys.length)) return keys.length === 0 ? [] : read(keys);
      const half = keys.length >> 1;
      return [...(await read(keys.slice(0, half))), ...(await read(keys.slice(half)))];
    },
    async query(pk, range) {
      const read = (part: RowRange) =>
        container.call(
          `query ${pk} ${range.prefix}`,
          () => both(table.query(pk, part), (store) => store.query(pk, part)),
          READ,
        );
      if (range.snapshot || !isTorn(range.limit)) return read(range);
      const first = await read({ ...range, limit: Math.min(range.limit, 3) });
      const last = first.at(-1)?.sk;
      if (first.length < Math.min(range.limit, 3) || last === undefined || range.limit <= 3) return first;
      return [...first, ...(await read({ ...range, after: last, limit: range.limit - 3 }))];
    },
    async transact(actions) {
      requireFitting(actions);
      requireSmall(actions.map(textOfAction));
      const [first] = actions;
      return container.call(
        `transact ${first?.pk} ${first?.sk}`,
        () => both(table.commit(container, actions), (store) => store.transact(actions)),
        WRITE,
      );
    },
    async discard(keys) {
      const remove = (some: readonly RowKey[]): Promise<void> =>
        container.call(`discard ${some[0]?.pk} ${some[0]?.sk}`, async () => {
          const found = some.flatMap(({ pk, sk }) => table.get(pk, sk) ?? []);
          const gone = found.map(({ pk, sk, version }) => ({ do: 'delete' as const, pk, sk, expect: version }));
          table.commit(container, gone);
          await both(undefined, (store) => store.discard(some));
        });
      const half = isTorn(keys.length) ? keys.length >> 1 : 0;
      if (half > 0) await remove(keys.slice(0, half));
      await remove(keys.slice(half));
    },
    durable: () => Promise.resolve(),
  };
}

const READ = { isRead: true, isStore: true } as const;
const WRITE = { isStore: true } as const;

/** Of what was written: it is read as text by those who follow the stream, as often as they are. */
const texts = new WeakMap<object, string>();

function textOfAction(action: Action): string | null {
  if (action.do !== 'put') return null;
  const text = texts.get(action.body) ?? jsonOf(action);
  if (text !== null) texts.set(action.body, text);
  return text;
}

export function textOf(body: object): string {
  return texts.get(body) ?? JSON.stringify(body);
}

function firstAtLeast(sorted: readonly string[], wanted: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function conflict(pk: string, sk: string, expect: number, found: number): RetryableError {
  const problem = `expected version ${expect}, found ${found}`;
  return new RetryableError({ code: 'ROW_CONFLICT', path: `${pk} ${sk}`, problem, fix: 'Read and decide again.' });
}
