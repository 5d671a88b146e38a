/**
 * Run store on SQLite (`node:sqlite`): WAL, synchronous FULL, one process.
 *
 * All transactions of one turn of the event loop share one commit, so one sync of the disk pays for many transitions.
 * They are visible at once (this connection sees its own writes) and durable when the commit at the end of the turn has
 * returned: that is what `durable` waits for.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { RetryableError, TerminalError } from '@waybill/client/errors';
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
import { type KnownRow, KnownRows, type Partition } from './known-rows.ts';

/** What a partition is known by from the start: larger ones are met row by row. */
const SMALL_PARTITION_ROWS = 100;
/** Sorts after every key. */
const LAST = '\u{10ffff}';

interface SqlRow {
  version: number;
  body: string;
}

export interface LocalRunStore extends RunStore {
  /** Commits what is pending and closes the file. */
  close(): Promise<void>;
  /** Reads every row. Throws TerminalError STORE_FAILED when any of it is damaged: `isDamagedStore` of it. */
  requireSound(): void;
}

/** Keeps its rows nowhere: for what needs the other ports and has no store to go with them. */
export const NO_FILE = ':memory:';

/** Opens or makes the store. Throws TerminalError ENGINE_RUNNING when another process holds it, STORE_FAILED with its path. */
export function openLocalRunStore(file: string): LocalRunStore {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = openDatabase(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    database.exec('PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -65536;');
    database.exec(
      'CREATE TABLE IF NOT EXISTS rows (pk TEXT, sk TEXT, version INTEGER, body TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID;',
    );
    // Takes the lock now and not with the first write.
    database.exec('BEGIN IMMEDIATE; COMMIT;');
    return new SqliteRunStore(file, database);
  } catch (error) {
    database.close();
    throw isBusy(error) ? running(file) : isDamage(error) ? damaged(file, error) : unopened(file, error);
  }
}

function openDatabase(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file);
  } catch (error) {
    throw unopened(file, error);
  }
}

/** The bytes of the file are what cannot be read: no later try will, and the ledger has what counts. */
export function isDamagedStore(error: unknown): boolean {
  return error instanceof TerminalError && error.code === 'STORE_FAILED' && isDamage(error.cause);
}

class SqliteRunStore implements LocalRunStore {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #index: StatementSync;
  readonly #rangeFrom: StatementSync;
  readonly #rangeAfter: StatementSync;
  readonly #upsert: StatementSync;
  readonly #remove: StatementSync;
  readonly #known = new KnownRows();
  /** Partitions with rows of this turn that SQLite has not been told yet. */
  readonly #unsaved = new Set<Partition>();
  #turn: { commit: Promise<void>; isOpen: boolean } | null = null;
  #failure: TerminalError | null = null;

  constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
    this.#select = database.prepare('SELECT version, body FROM rows WHERE pk = ? AND sk = ?');
    this.#index = database.prepare('SELECT sk, version FROM rows WHERE pk = ? LIMIT ?');
    // One lower bound each: of two, SQLite would seek by either and walk the rest.
    const range = (bound: string): StatementSync =>
      database.prepare(`SELECT sk FROM rows WHERE pk = ? AND sk ${bound} ? AND sk < ? ORDER BY sk LIMIT ?`);
    this.#rangeFrom = range('>=');
    this.#rangeAfter = range('>');
    this.#upsert = database.prepare(
      'INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET version = excluded.version, body = excluded.body',
    );
    this.#remove = database.prepare('DELETE FROM rows WHERE pk = ? AND sk = ?');
  }

  async get(keys: readonly RowKey[]): Promise<(Row | null)[]> {
    this.#requireAlive();
    return keys.map(({ pk, sk }) => this.#read(this.#partition(pk), sk));
  }

  async query(pk: string, { prefix, after, limit }: RowRange): Promise<Row[]> {
    this.#requireAlive();
    const partition = this.#partition(pk);
    this.#save(partition);
    const isAfter = after !== undefined && after >= prefix;
    const range = isAfter ? this.#rangeAfter : this.#rangeFrom;
    const found = this.#guarded(() => range.all(pk, isAfter ? after : prefix, `${prefix}${LAST}`, limit));
    return found.flatMap(({ sk }) => this.#read(partition, sk as string) ?? []);
  }

  async transact(actions: readonly Action[]): Promise<number> {
    this.#requireAlive();
    requireFitting(actions);
    const found = actions.map(({ pk, sk }) => this.#find(this.#partition(pk), sk));
    let version = 1;
    actions.forEach(({ pk, sk, expect }, n) => {
      const present = found[n]?.version ?? 0;
      if (present !== expect) throw conflict(pk, sk, expect, present);
      version = Math.max(version, expect + 1);
    });
    const texts = actions.map(jsonOf);
    requireSmall(texts);
    actions.forEach((action, n) => {
      if (action.do === 'check') return;
      const partition = this.#partition(action.pk);
      const row = found[n] ?? this.#known.add(partition, action.sk, 0, false);
      const body = action.do === 'put' ? deepFreeze(action.body) : null;
      this.#change(partition, row, { version: action.do === 'put' ? version : 0, body, text: texts[n] ?? null });
    });
    this.#openTurn();
    return version;
  }

  async discard(keys: readonly RowKey[]): Promise<void> {
    this.#requireAlive();
    for (const { pk, sk } of keys) {
      const partition = this.#partition(pk);
      const row = this.#find(partition, sk);
      if (row !== undefined) this.#change(partition, row, { version: 0, body: null, text: null });
    }
    this.#openTurn();
  }

  #change(
    partition: Partition,
    row: KnownRow,
    { version, body, text }: { version: number; body: object | null; text: string | null },
  ): void {
    row.version = version;
    row.body = body;
    this.#known.use(row);
    if (row.unsaved === undefined) partition.unsaved.push(row);
    row.unsaved = text;
    this.#unsaved.add(partition);
  }

  async durable(): Promise<void> {
    this.#requireAlive();
    await this.#turn?.commit;
  }

  async close(): Promise<void> {
    await this.#turn?.commit;
    this.#failure = failed('the store is closed');
    this.#database.close();
  }

  requireSound(): void {
    this.#requireAlive();
    this.#guarded(() => {
      const [found] = this.#database.prepare('PRAGMA integrity_check(1)').all();
      const said = String(found?.integrity_check);
      if (said !== 'ok') throw new SyntaxError(said);
      const broken = this.#database.prepare('SELECT pk, sk FROM rows WHERE NOT json_valid(body) LIMIT 1').get();
      if (broken) throw new SyntaxError(`row ${broken.pk} ${broken.sk} is no JSON`);
    });
  }

  #partition(pk: string): Partition {
    const known = this.#known.partition(pk);
    if (known) return known;
    const rows = this.#guarded(() => this.#index.all(pk, SMALL_PARTITION_ROWS + 1));
    const partition = this.#known.addPartition(pk, rows.length <= SMALL_PARTITION_ROWS);
    for (const { sk, version } of rows) this.#known.add(partition, sk as string, version as number, true);
    return partition;
  }

  /** Its body may not be known yet. */
  #find(partition: Partition, sk: string): KnownRow | undefined {
    return partition.rows.get(sk) ?? (partition.isWhole ? undefined : this.#load(partition, sk));
  }

  #read(partition: Partition, sk: string): Row | null {
    let row = this.#find(partition, sk);
    if (row?.body === undefined) row = row && this.#load(partition, sk);
    if (!row?.body) return null;
    this.#known.use(row);
    return { pk: partition.pk, sk, version: row.version, body: row.body as Row['body'] };
  }

  #load(partition: Partition, sk: string): KnownRow | undefined {
    return this.#guarded(() => {
      const found = this.#select.get(partition.pk, sk) as SqlRow | undefined;
      if (!found) return undefined;
      const row = partition.rows.get(sk) ?? this.#known.add(partition, sk, found.version, true);
      row.body = deepFreeze(JSON.parse(found.body));
      return row;
    });
  }

  /** Tells SQLite what it does not know of one partition, in the transaction of this turn. */
  #save(partition: Partition): void {
    if (partition.unsaved.length === 0) return;
    const { pk } = partition;
    this.#guarded(() => {
      if (this.#turn && !this.#turn.isOpen) {
        this.#database.exec('BEGIN IMMEDIATE');
        this.#turn.isOpen = true;
      }
      for (const row of partition.unsaved) {
        if (row.unsaved) {
          this.#upsert.run(pk, row.sk, row.version, row.unsaved);
          row.isInFile = true;
        } else {
          // What came and went in one turn was never there.
          if (row.isInFile) this.#remove.run(pk, row.sk);
          this.#known.remove(partition, row.sk);
        }
        row.unsaved = undefined;
      }
    });
    partition.unsaved.length = 0;
    this.#unsaved.delete(partition);
  }

  #openTurn(): void {
    if (this.#turn) return;
    const commit = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        try {
          this.#commit();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    // Whoever waits for durability hears of a failure; when nobody does, the next call does.
    commit.catch(() => {});
    this.#turn = { commit, isOpen: false };
  }

  #commit(): void {
    this.#requireAlive();
    for (const partition of this.#unsaved) this.#save(partition);
    const isOpen = this.#turn?.isOpen === true;
    this.#turn = null;
    if (isOpen) this.#guarded(() => this.#database.exec('COMMIT'));
    this.#known.shrink();
  }

  /** A failed write leaves visible rows that are not true, and what cannot be read is not absent: it must not answer again. */
  #guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      this.#failure = isDamage(error) ? damaged(this.#file, error) : failed(messageOf(error), error);
      // SQLite may have rolled back already; either way nothing of this turn may become durable.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw this.#failure;
    }
  }

  #requireAlive(): void {
    if (this.#failure) throw this.#failure;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
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

function failed(problem: string, cause?: unknown): TerminalError {
  const fix = 'Restart the engine; it takes up what is durable.';
  return new TerminalError({ code: 'STORE_FAILED', path: 'store', problem, fix }, { cause });
}

function damaged(file: string, cause: unknown): TerminalError {
  const problem = `is damaged (${messageOf(cause)})`;
  const fix =
    'Stop the engine and run `waybill recover`: it keeps this file aside and makes the store from the ledger.';
  return new TerminalError({ code: 'STORE_FAILED', path: file, problem, fix }, { cause });
}

function unopened(file: string, cause: unknown): TerminalError {
  const problem = `cannot be opened (${messageOf(cause)})`;
  const fix = 'It has to be a file that this user may write, in a directory with room.';
  return new TerminalError({ code: 'STORE_FAILED', path: file, problem, fix }, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function running(file: string): TerminalError {
  const problem = 'another engine holds the store';
  return new TerminalError({
    code: 'ENGINE_RUNNING',
    path: file,
    problem,
    fix: 'Submit to that engine, or stop it first.',
  });
}

/** As SQLite numbers them: pages that contradict each other, a file that is no database. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** A row that is no JSON was not written by a store either. */
function isDamage(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  const { errcode } = (error ?? {}) as { errcode?: number };
  return errcode !== undefined && [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode & 0xff);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /locked|busy/i.test(error.message);
}
