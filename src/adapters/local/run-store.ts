/**
 * Run store on SQLite: the rows of what goes on in memory, and every change of them durable in a file.
 *
 * All transactions of one turn of the event loop share one commit, so one sync of the disk pays for many transitions.
 * They are visible at once and durable when what was written at the end of the turn has been synced: that is what `durable` waits for.
 */
import { RetryableError } from '@waybill/client/errors';
import {
  type Action,
  jsonOf,
  MAX_ROW_BYTES,
  MAX_TRANSACTION_BYTES,
  type Row,
  type RowKey,
  type RowRange,
  type RunStore,
  requireFitting,
  requireSmall,
} from '#ports/run-store.ts';
import { frozenSize } from './frozen-body.ts';
import { type KnownRow, KnownRows, type Partition } from './known-rows.ts';
import { type Change, NO_FILE, type SettledRow, StoreFile } from './store-file.ts';
import { Syncs } from './syncs.ts';
import { turnsOf } from './turn-texts.ts';

export { NO_FILE };

/** What a partition is known by from the start: larger ones are met row by row. */
const SMALL_PARTITION_ROWS = 1_000;
/** A turn with so many changes ends at once: it is synced while the rest of what there is to do is done. */
const CHANGES_OF_A_TURN = 300;
/** With fewer, whoever waits for it most likely has nothing else to do. */
const CHANGES_WORTH_A_THREAD = 60;
/** So many changed rows, or characters of turns, may wait until the table of rows is told. */
const UNSETTLED_ROWS = 60_000;
const UNSETTLED_LENGTH = 64_000_000;

export interface LocalRunStore extends RunStore {
  /** Commits what is pending and closes the file. */
  close(): Promise<void>;
  /** Reads every row. Throws TerminalError STORE_FAILED when any of it is damaged: `isDamagedStore` of it. */
  requireSound(): void;
}

/** Opens or makes the store. Throws TerminalError ENGINE_RUNNING when another process holds it, STORE_FAILED with its path. */
export function openLocalRunStore(file: string): LocalRunStore {
  return new SqliteRunStore(StoreFile.open(file));
}

class SqliteRunStore implements LocalRunStore {
  readonly #file: StoreFile;
  readonly #known = new KnownRows();
  /** Partitions with rows of this turn. */
  #changed: Partition[] = [];
  /** Of all bodies of this turn, at most. */
  #turnSize = 0;
  /** Partitions with rows that the table has not been told. */
  readonly #unsettled = new Set<Partition>();
  #unsettledRows = 0;
  #unsettledLength = 0;
  /** Rows that changed in this turn, those that changed twice counted twice. */
  #changes = 0;
  #end: NodeJS.Immediate | null = null;
  readonly #syncs: Syncs;

  constructor(file: StoreFile) {
    this.#file = file;
    this.#syncs = new Syncs(file);
  }

  async get(keys: readonly RowKey[]): Promise<(Row | null)[]> {
    this.#file.requireAlive();
    return keys.map(({ pk, sk }) => this.#read(this.#partition(pk), sk));
  }

  async query(pk: string, range: RowRange): Promise<Row[]> {
    this.#file.requireAlive();
    const partition = this.#partition(pk);
    if (partition.isWhole) {
      return this.#known.inRange(partition, range).map((row) => this.#rowOf(partition, row));
    }
    const listed = this.#file.keysIn(pk, { ...range, limit: range.limit + partition.unsettled.length });
    return this.#known.keysNow(partition, range, listed).flatMap((sk) => this.#read(partition, sk) ?? []);
  }

  async transact(actions: readonly Action[]): Promise<number> {
    this.#file.requireAlive();
    requireFitting(actions);
    let version = 1;
    const found = actions.map(({ pk, sk, expect }) => {
      const row = this.#find(this.#partition(pk), sk);
      const present = row?.version ?? 0;
      if (present !== expect) throw conflict(pk, sk, expect, present);
      version = Math.max(version, expect + 1);
      return row;
    });
    this.#turnSize += freezeSmall(actions);
    actions.forEach((action, n) => {
      if (action.do === 'check') return;
      const partition = this.#partition(action.pk);
      const row = found[n] ?? this.#known.add(partition, action.sk, 0);
      if (action.do === 'put') this.#change(partition, row, version, action.body);
      else this.#change(partition, row, 0, null);
    });
    if (this.#changes >= CHANGES_OF_A_TURN) this.#endTurn();
    return version;
  }

  async discard(keys: readonly RowKey[]): Promise<void> {
    this.#file.requireAlive();
    for (const { pk, sk } of keys) {
      const partition = this.#partition(pk);
      const row = this.#find(partition, sk);
      if (row !== undefined) this.#change(partition, row, 0, null);
    }
  }

  async durable(): Promise<void> {
    this.#file.requireAlive();
    await this.#syncs.all();
  }

  async close(): Promise<void> {
    if (this.#end !== null) this.#endTurn();
    await this.#syncs.all();
    this.#settle();
    this.#file.close();
  }

  requireSound(): void {
    this.#file.requireAlive();
    this.#file.requireSound();
  }

  #partition(pk: string): Partition {
    const known = this.#known.partition(pk);
    if (known) return known;
    const rows = this.#file.keysOf(pk, SMALL_PARTITION_ROWS + 1);
    const partition = this.#known.addPartition(pk, rows.length <= SMALL_PARTITION_ROWS);
    for (const { sk, version } of rows) this.#known.add(partition, sk, version);
    return partition;
  }

  /** Its body may not be known yet. */
  #find(partition: Partition, sk: string): KnownRow | undefined {
    return partition.rows.get(sk) ?? (partition.isWhole ? undefined : this.#load(partition, sk));
  }

  #read(partition: Partition, sk: string): Row | null {
    const row = this.#find(partition, sk);
    return row === undefined || row.version === 0 ? null : this.#rowOf(partition, row);
  }

  /** A row that exists. */
  #rowOf(partition: Partition, row: KnownRow): Row {
    if (row.body === undefined) this.#load(partition, row.sk);
    this.#known.use(row);
    return { pk: partition.pk, sk: row.sk, version: row.version, body: row.body as Row['body'] };
  }

  #load(partition: Partition, sk: string): KnownRow | undefined {
    const found = this.#file.find(partition.pk, sk);
    if (!found) return undefined;
    const row = partition.rows.get(sk) ?? this.#known.add(partition, sk, found.version);
    frozenSize(found.body);
    row.body = found.body;
    return row;
  }

  #change(partition: Partition, row: KnownRow, version: number, body: object | null): void {
    if (partition.changed.length === 0) this.#changed.push(partition);
    this.#known.change(partition, row, version, body);
    this.#changes += 1;
    if (this.#end !== null) return;
    this.#syncs.expect();
    this.#end = setImmediate(() => this.#endTurn());
  }

  /** Whoever waits for durability hears of a failure; when nobody does, the next call does. */
  #endTurn(): void {
    if (this.#end !== null) clearImmediate(this.#end);
    this.#end = null;
    const isLarge = this.#changes >= CHANGES_WORTH_A_THREAD;
    this.#changes = 0;
    this.#syncs.run(() => this.#append(), isLarge);
  }

  #append(): void {
    this.#file.requireAlive();
    const turns = turnsOf(this.#taken(), this.#turnSize);
    this.#changed = [];
    this.#turnSize = 0;
    if (turns.length > 0) this.#unsettledLength += this.#file.append(turns);
    if (this.#unsettledRows < UNSETTLED_ROWS && this.#unsettledLength < UNSETTLED_LENGTH) return;
    this.#settle();
    this.#known.shrink();
  }

  *#taken(): Generator<[pk: string, changes: Change[]]> {
    for (const partition of this.#changed) {
      const changes = this.#known.takeChanges(partition);
      this.#unsettled.add(partition);
      this.#unsettledRows += changes.length;
      if (changes.length > 0) yield [partition.pk, changes];
    }
  }

  #settle(): void {
    this.#file.settle(this.#settled());
    this.#unsettled.clear();
    this.#unsettledRows = 0;
    this.#unsettledLength = 0;
  }

  *#settled(): Generator<SettledRow> {
    for (const partition of this.#unsettled) yield* this.#known.settle(partition);
  }
}

/** Returns a number of bytes that all bodies together do not exceed. Throws TerminalError ROW_TOO_LARGE or TRANSACTION_TOO_LARGE. */
function freezeSmall(actions: readonly Action[]): number {
  let [most, sum] = [0, 0];
  for (const action of actions) {
    if (action.do !== 'put') continue;
    const size = frozenSize(action.body);
    most = Math.max(most, size);
    sum += size;
  }
  if (most > MAX_ROW_BYTES || sum > MAX_TRANSACTION_BYTES) requireSmall(actions.map(jsonOf));
  return sum;
}

function conflict(pk: string, sk: string, expect: number, found: number): RetryableError {
  const problem = `expected version ${expect}, found ${found}`;
  return new RetryableError({
    code: 'ROW_CONFLICT',
    path: `${pk} ${sk}`,
    problem,
    fix: 'Read again and decide again.',
  });
}
