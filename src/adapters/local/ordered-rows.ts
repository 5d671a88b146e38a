/** The rows of one partition in the order of their keys: made when a range is asked for, and kept up from then on. */

export interface OrderedRow {
  readonly sk: string;
  /** 0: absent. */
  version: number;
  /** It stands in the list of its partition, if there is one. */
  isListed: boolean;
}

export interface KeyRange {
  prefix: string;
  after?: string;
  limit: number;
}

/** Rows that went away are left out of the list once a range has met more of them than this. */
const MET = 128;
/** And than this part of all. */
const PART = 64;
/** So few are put in their places one by one, which moves memory and looks at nothing; more are merged with all that there are. */
const FEW = 32;
const SURROGATE = /[\ud800-\udfff]/;

/** By the bytes of UTF-8, as SQLite has them: UTF-16 differs from it above the surrogates only. */
export function inKeyOrder(a: string, b: string): number {
  if (a === b) return 0;
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

function bySk(a: OrderedRow, b: OrderedRow): number {
  return inKeyOrder(a.sk, b.sk);
}

export class OrderedRows<R extends OrderedRow> {
  #rows: R[] = [];
  /** Came since, and are not in their places. */
  #added: R[] = [];
  /** Rows that were put in their places since all were looked at, and what went away was left out. */
  #insertedOnly = 0;

  constructor(rows: Iterable<R>) {
    for (const row of rows) this.add(row);
  }

  /** Of the list, with what went away and has not been left out yet. */
  get length(): number {
    return this.#rows.length + this.#added.length;
  }

  add(row: R): void {
    if (row.isListed) return;
    row.isListed = true;
    this.#added.push(row);
  }

  /** Rows that exist, at most `limit`. */
  inRange({ prefix, after = '', limit }: KeyRange): R[] {
    this.#place();
    const found: R[] = [];
    let met = 0;
    for (let n = this.#placeBehind(prefix, after); n < this.#rows.length && found.length < limit; n += 1) {
      const row = this.#rows[n] as R;
      if (!row.sk.startsWith(prefix)) break;
      if (row.version > 0) found.push(row);
      else met += 1;
    }
    if (met > MET && met * PART > this.#rows.length) this.#rows = this.#rows.filter(isThere);
    return found;
  }

  #place(): void {
    if (this.#added.length === 0) return;
    const added = this.#added.sort(bySk);
    this.#added = [];
    const [first] = added;
    const last = this.#rows.at(-1);
    if (first === undefined || last === undefined || bySk(last, first) < 0) {
      for (const row of added) this.#rows.push(row);
    } else if (added.length <= FEW && 2 * this.#insertedOnly < this.#rows.length) {
      this.#insertedOnly += added.length;
      for (const row of added) this.#rows.splice(this.#firstFrom(row.sk, false), 0, row);
    } else {
      this.#insertedOnly = 0;
      this.#rows = merged(this.#rows, added);
    }
  }

  /** The first row that the range may hold. */
  #placeBehind(prefix: string, after: string): number {
    const isAfter = inKeyOrder(after, prefix) >= 0 && after !== '';
    return this.#firstFrom(isAfter ? after : prefix, isAfter);
  }

  /** The place of the first row at or, if asked for, behind a key. */
  #firstFrom(bound: string, isAfter: boolean): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = inKeyOrder((this.#rows[middle] as R).sk, bound);
      if (order < 0 || (isAfter && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isThere(row: OrderedRow): boolean {
  row.isListed = row.version > 0;
  return row.isListed;
}

function merged<R extends OrderedRow>(left: readonly R[], right: readonly R[]): R[] {
  const all: R[] = [];
  let n = 0;
  for (const row of right) {
    for (let next = left[n]; next !== undefined && bySk(next, row) < 0; next = left[n]) {
      // A good moment to leave out what went away.
      if (isThere(next)) all.push(next);
      n += 1;
    }
    all.push(row);
  }
  for (; n < left.length; n += 1) all.push(left[n] as R);
  return all;
}
