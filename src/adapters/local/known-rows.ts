/**
 * What the one process that writes a store knows of its rows: nobody else changes them, so what it knows stays true.
 *
 * Of a partition (the rows of one pk) that is known as a whole, rows that are not there need not be looked for in the file:
 * most rows are created, and most are created in partitions that this process has begun. Bodies that nobody has asked for in a while are
 * let go of, versions stay; and where there are too many of those, whole partitions are forgotten.
 */

export interface KnownRowsLimits {
  /** Bodies are kept for one to two times as many rows; a body is about a kilobyte. */
  generation: number;
  /** So many versions are kept at most, about a hundred bytes each. */
  rows: number;
}

const LIMITS: KnownRowsLimits = { generation: 30_000, rows: 200_000 };

export interface KnownRow {
  readonly sk: string;
  /** 0: absent. */
  version: number;
  /** Null: absent. Undefined: only the file has it. */
  body: object | null | undefined;
  /** What the file must be told: the text of a body, or null for a row that went away. Undefined: it knows. */
  unsaved: string | null | undefined;
  /** The file has a row under this key. */
  isInFile: boolean;
  usedIn: number;
}

export interface Partition {
  readonly pk: string;
  readonly rows: Map<string, KnownRow>;
  /** The rows that the file must be told. */
  readonly unsaved: KnownRow[];
  /** Rows that are not in `rows` do not exist. */
  isWhole: boolean;
  isUsed: boolean;
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
    const made: Partition = { pk, rows: new Map(), unsaved: [], isWhole, isUsed: true };
    this.#partitions.set(pk, made);
    return made;
  }

  add(to: Partition, sk: string, version: number, isInFile: boolean): KnownRow {
    const row = { sk, version, body: undefined, unsaved: undefined, isInFile, usedIn: 0 };
    to.rows.set(sk, row);
    this.#rows += 1;
    return row;
  }

  remove(from: Partition, sk: string): void {
    if (from.rows.delete(sk)) this.#rows -= 1;
  }

  /** Its body is kept for a while from now on. */
  use(row: KnownRow): void {
    if (row.usedIn === this.#generation) return;
    row.usedIn = this.#generation;
    this.#used.push(row);
    if (this.#used.length < this.#limits.generation) return;
    for (const old of this.#usedBefore) {
      if (old.usedIn < this.#generation && old.unsaved === undefined) old.body = undefined;
    }
    this.#usedBefore = this.#used;
    this.#used = [];
    this.#generation += 1;
  }

  /** Forgets partitions that were not used for the longest time, when there are too many rows. To be called when the file knows all. */
  shrink(): void {
    if (this.#rows <= this.#limits.rows) return;
    for (const [pk, partition] of this.#partitions) {
      if (this.#rows <= this.#limits.rows / 2) return;
      this.#partitions.delete(pk);
      if (partition.isUsed) {
        partition.isUsed = false;
        this.#partitions.set(pk, partition);
      } else this.#rows -= partition.rows.size;
    }
  }
}
