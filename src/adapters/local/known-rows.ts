/**
 * What the one process that writes a store knows of its rows: nobody else changes them, so what it knows stays true.
 *
 * Of a partition (the rows of one pk) that is known as a whole, rows that are not there need not be looked for in the file:
 * most rows are created, and most are created in partitions that this process has begun. Bodies that nobody has asked for in a while are
 * let go of, versions stay; and where there are too many of those, whole partitions are forgotten.
 */
import { inKeyOrder, type KeyRange, type OrderedRow, OrderedRows } from './ordered-rows.ts';
import type { Change, SettledRow } from './store-file.ts';

export interface KnownRowsLimits {
  /** Bodies are kept for one to two times as many rows; a body is about a kilobyte. */
  generation: number;
  /** So many versions are kept at most, about a hundred bytes each. */
  rows: number;
}

const LIMITS: KnownRowsLimits = { generation: 60_000, rows: 300_000 };

export interface KnownRow extends OrderedRow {
  /** Null: absent. Undefined: only the table has it. */
  body: object | null | undefined;
  /** It changed in this turn. */
  isChanged: boolean;
  /** The table of rows has it as it is. */
  isSettled: boolean;
  /** The table has a row under this key. */
  isInTable: boolean;
  /** A turn or the table has it. */
  isInFile: boolean;
  usedIn: number;
}

export interface Partition {
  readonly pk: string;
  readonly rows: Map<string, KnownRow>;
  /** What changed in this turn. */
  changed: KnownRow[];
  /** What the table has not been told. */
  unsettled: KnownRow[];
  /** Rows that are not in `rows` do not exist. */
  isWhole: boolean;
  isUsed: boolean;
  /** Once somebody has asked for a range. */
  ordered: OrderedRows<KnownRow> | null;
}

export class KnownRows {
  readonly #limits: KnownRowsLimits;
  readonly #partitions = new Map<string, Partition>();
  #rows = 0;
  #generation = 1;
  #used: KnownRow[] = [];
  #usedBefore: KnownRow[] = [];

  constructor(limits: KnownRowsLimits = LIMITS) {
    this.#limits = limits;
  }

  partition(pk: string): Partition | undefined {
    const found = this.#partitions.get(pk);
    if (found) found.isUsed = true;
    return found;
  }

  addPartition(pk: string, isWhole: boolean): Partition {
    const made: Partition = {
      pk,
      rows: new Map(),
      changed: [],
      unsettled: [],
      isWhole,
      isUsed: true,
      ordered: null,
    };
    this.#partitions.set(pk, made);
    return made;
  }

  /** A row as the table has it; of version 0, one that is being written for the first time. */
  add(to: Partition, sk: string, version: number): KnownRow {
    const isInTable = version > 0;
    const row: KnownRow = {
      sk,
      version,
      body: undefined,
      isChanged: false,
      isSettled: true,
      isInTable,
      isInFile: isInTable,
      isListed: false,
      usedIn: 0,
    };
    to.rows.set(sk, row);
    to.ordered?.add(row);
    this.#rows += 1;
    return row;
  }

  /** What becomes of a row in this turn. A null body: it goes away. */
  change(of: Partition, row: KnownRow, version: number, body: object | null): void {
    row.version = version;
    row.body = body;
    this.use(row);
    if (version > 0) of.ordered?.add(row);
    if (!row.isChanged) of.changed.push(row);
    row.isChanged = true;
    if (row.isSettled) of.unsettled.push(row);
    row.isSettled = false;
  }

  /** What changed in this turn. A row that came and went in it was never there. */
  takeChanges(of: Partition): Change[] {
    const changes: Change[] = [];
    for (const row of of.changed) {
      row.isChanged = false;
      if (row.version === 0 && !row.isInFile) continue;
      row.isInFile = true;
      changes.push([row.sk, row.version, row.body ?? null]);
    }
    of.changed = [];
    return changes;
  }

  /** What the table is to be told of a partition, which is then taken to know it. */
  *settle(partition: Partition): Generator<SettledRow> {
    const { pk, unsettled } = partition;
    partition.unsettled = [];
    for (const row of unsettled) {
      const { sk, version, body = null } = row;
      if (version > 0 || row.isInTable) yield { pk, sk, version, body };
      row.isSettled = true;
      row.isInTable = version > 0;
      row.isInFile = version > 0;
      if (version === 0 && partition.rows.delete(sk)) this.#rows -= 1;
    }
  }

  /** Of a partition that is known as a whole. */
  inRange(partition: Partition, range: KeyRange): KnownRow[] {
    partition.ordered ??= new OrderedRows(partition.rows.values());
    return partition.ordered.inRange(range);
  }

  /** The keys that the table has in a range, `listed`, as they are by now: at least `limit` and one for each unsettled row. */
  keysNow(partition: Partition, { prefix, after = '', limit }: KeyRange, listed: readonly string[]): string[] {
    const keys = new Set(listed);
    for (const { sk, version } of partition.unsettled) {
      if (!sk.startsWith(prefix) || inKeyOrder(sk, after) <= 0) continue;
      if (version > 0) keys.add(sk);
      else keys.delete(sk);
    }
    return [...keys].sort(inKeyOrder).slice(0, limit);
  }

  /** Its body is kept for a while from now on. */
  use(row: KnownRow): void {
    if (row.usedIn === this.#generation) return;
    row.usedIn = this.#generation;
    this.#used.push(row);
    if (this.#used.length < this.#limits.generation) return;
    for (const old of this.#usedBefore) {
      if (old.usedIn < this.#generation && old.isSettled) old.body = undefined;
    }
    this.#usedBefore = this.#used;
    this.#used = [];
    this.#generation += 1;
  }

  /** Forgets partitions that were not used for the longest time, when there are too many rows; of what it forgets the table knows all. */
  shrink(): void {
    if (this.#rows <= this.#limits.rows) return;
    for (const [pk, partition] of this.#partitions) {
      if (this.#rows <= this.#limits.rows / 2) return;
      if (partition.unsettled.length > 0) continue;
      this.#partitions.delete(pk);
      if (partition.isUsed) {
        partition.isUsed = false;
        this.#partitions.set(pk, partition);
      } else this.#rows -= partition.rows.size;
    }
  }
}
