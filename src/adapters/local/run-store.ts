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
} from '#ports/run-store.ts';

/** Rows kept in memory after they were written or read; a row is about a kilobyte. */
const CACHED_ROWS = 60_000;
/** Sorts after every key. */
const LAST = '\u{10ffff}';

interface Stored {
  version: number;
  /** Null: deleted in this turn, or known to be absent. */
  body: object | null;
}

const ABSENT: Stored = { version: 0, body: null };

interface Pending extends Stored {
  json: string | null;
}

interface SqlRow {
  sk: string;
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
  readonly #selectVersion: StatementSync;
  readonly #rangeFrom: StatementSync;
  readonly #rangeAfter: StatementSync;
  readonly #upsert: StatementSync;
  readonly #remove: StatementSync;
  /** Committed rows, oldest use first. */
  readonly #cache = new Map<string, Stored>();
  /** Rows of this turn that SQLite has not been told yet, by pk and sk. */
  readonly #pending = new Map<string, Map<string, Pending>>();
  /** Versions of the rows of the last query that nothing has changed since: they are often what goes away next. */
  #answered: { pk: string; versions: Map<string, number> } = { pk: '', versions: new Map() };
  #turn: { commit: Promise<void>; isOpen: boolean } | null = null;
  #failure: TerminalError | null = null;

  constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
    this.#select = database.prepare('SELECT version, body FROM rows WHERE pk = ? AND sk = ?');
    this.#selectVersion = database.prepare('SELECT version FROM rows WHERE pk = ? AND sk = ?');
    // One lower bound each: of two, SQLite would seek by either and walk the rest.
    const range = (bound: string): StatementSync =>
      database.prepare(
        `SELECT sk, version, body FROM rows WHERE pk = ? AND sk ${bound} ? AND sk < ? ORDER BY sk LIMIT ?`,
      );
    this.#rangeFrom = range('>=');
    this.#rangeAfter = range('>');
    this.#upsert = database.prepare(
      'INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET version = excluded.version, body = excluded.body',
    );
    this.#remove = database.prepare('DELETE FROM rows WHERE pk = ? AND sk = ?');
  }

  async get(keys: readonly RowKey[]): Promise<(Row | null)[]> {
    this.#requireAlive();
    return keys.map(({ pk, sk }) => {
      const { version, body } = this.#read(pk, sk);
      return body === null ? null : { pk, sk, version, body: body as Row['body'] };
    });
  }

  async query(pk: string, { prefix, after, limit }: RowRange): Promise<Row[]> {
    this.#requireAlive();
    this.#flush(pk);
    const isAfter = after !== undefined && after >= prefix;
    const range = isAfter ? this.#rangeAfter : this.#rangeFrom;
    return this.#guarded(() => {
      const rows = range.all(pk, isAfter ? after : prefix, `${prefix}${LAST}`, limit) as unknown as SqlRow[];
      this.#answered = { pk, versions: new Map(rows.map(({ sk, version }) => [sk, version])) };
      return rows.map(({ sk, version, body }) => ({ pk, sk, version, body: deepFreeze(JSON.parse(body)) }));
    });
  }

  async transact(actions: readonly Action[]): Promise<number> {
    this.#requireAlive();
    requireFitting(actions);
    let version = 1;
    for (const { pk, sk, expect } of actions) {
      const found = this.#versionOf(pk, sk);
      if (found !== expect) throw conflict(pk, sk, expect, found);
      version = Math.max(version, expect + 1);
    }
    const texts = actions.map(jsonOf);
    actions.forEach((action, n) => {
      if (action.do === 'check') return;
      const isPut = action.do === 'put';
      if (action.pk === this.#answered.pk) this.#answered.versions.delete(action.sk);
      const stored = { version: isPut ? version : 0, body: isPut ? deepFreeze(action.body) : null };
      this.#pendingOf(action.pk).set(action.sk, { ...stored, json: texts[n] ?? null });
      // A new row stays out of the cache until somebody reads it: most are written once, and events are never read.
      if (action.expect > 0) this.#remember(`${action.pk}\0${action.sk}`, stored);
    });
    this.#openTurn();
    return version;
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

  #read(pk: string, sk: string): Stored {
    const pending = this.#pending.get(pk)?.get(sk);
    if (pending) return pending;
    const name = `${pk}\0${sk}`;
    const cached = this.#cache.get(name);
    if (cached) return cached;
    return this.#guarded(() => {
      const row = this.#select.get(pk, sk) as unknown as Pick<SqlRow, 'version' | 'body'> | undefined;
      if (!row) return ABSENT;
      const stored: Stored = { version: row.version, body: deepFreeze(JSON.parse(row.body)) };
      this.#remember(name, stored);
      return stored;
    });
  }

  /** Without the body, which costs more to read than the rest: rows that only go away were never looked at here. */
  #versionOf(pk: string, sk: string): number {
    const known = this.#pending.get(pk)?.get(sk) ?? this.#cache.get(`${pk}\0${sk}`);
    const version = known?.version ?? (pk === this.#answered.pk ? this.#answered.versions.get(sk) : undefined);
    if (version !== undefined) return version;
    const read = (): unknown => this.#selectVersion.get(pk, sk);
    return (this.#guarded(read) as Pick<SqlRow, 'version'> | undefined)?.version ?? 0;
  }

  #remember(name: string, stored: Stored): void {
    this.#cache.delete(name);
    if (stored.body === null) return;
    this.#cache.set(name, stored);
    if (this.#cache.size <= CACHED_ROWS) return;
    const oldest = this.#cache.keys().next();
    if (!oldest.done) this.#cache.delete(oldest.value);
  }

  #pendingOf(pk: string): Map<string, Pending> {
    let pending = this.#pending.get(pk);
    if (!pending) {
      pending = new Map();
      this.#pending.set(pk, pending);
    }
    return pending;
  }

  /** Tells SQLite the pending rows of one pk, in the transaction of this turn. */
  #flush(pk: string): void {
    const pending = this.#pending.get(pk);
    if (!pending || pending.size === 0) return;
    this.#guarded(() => {
      if (this.#turn && !this.#turn.isOpen) {
        this.#database.exec('BEGIN IMMEDIATE');
        this.#turn.isOpen = true;
      }
      for (const [sk, { version, json }] of pending) {
        if (json === null) this.#remove.run(pk, sk);
        else this.#upsert.run(pk, sk, version, json);
      }
    });
    pending.clear();
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
    for (const pk of this.#pending.keys()) this.#flush(pk);
    this.#pending.clear();
    const isOpen = this.#turn?.isOpen === true;
    this.#turn = null;
    if (isOpen) this.#guarded(() => this.#database.exec('COMMIT'));
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
