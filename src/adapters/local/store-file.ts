/**
 * The file of the run store (`node:sqlite`): WAL, one process, and syncs of our own, so that the process need not stand still
 * for them. SQLite itself syncs where it copies the WAL into the file: whatever of the WAL survives is a beginning of it.
 *
 * A turn is what changed between two commits, in one row, however many rows changed. The table of rows is told later, of
 * many turns at once, of each row what it has come to; then those turns are removed. Whoever opens the file tells it the
 * turns that it finds. Doing that twice is doing it once: a turn says what rows are, not what became of them.
 */
import { closeSync, fdatasync, fdatasyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import type { TerminalError } from '@waybill/client/errors';
import { inKeyOrder } from './ordered-rows.ts';
import { failed, openingFailed, useFailed } from './store-errors.ts';

/** Null: the row is gone. */
export type Change = readonly [sk: string, version: number, body: object | null];
/** Of each partition its changes. */
export type Turn = readonly (readonly [pk: string, changes: readonly Change[]])[];

/** A row as the table shall have it. */
export interface SettledRow {
  pk: string;
  sk: string;
  /** 0: none. */
  version: number;
  body: object | null;
}

/** Keeps its rows nowhere: for what needs the other ports and has no store to go with them. */
export const NO_FILE = ':memory:';

const syncBeside = promisify(fdatasync);

/** No text in UTF-8 has such a byte: behind a prefix it sorts after every key that begins so. */
const LAST = Buffer.of(0xff);

export class StoreFile {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #index: StatementSync;
  readonly #rangeFrom: StatementSync;
  readonly #rangeAfter: StatementSync;
  readonly #upsert: StatementSync;
  readonly #remove: StatementSync;
  readonly #append: StatementSync;
  #failure: TerminalError | null = null;
  /** The WAL, once something stands in it. */
  #wal: number | null = null;

  /** Throws TerminalError ENGINE_RUNNING when another process holds it, STORE_FAILED with its path. */
  static open(file: string): StoreFile {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(file);
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      database.exec('PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -65536;');
      database.exec(
        'CREATE TABLE IF NOT EXISTS rows (pk TEXT, sk TEXT, version INTEGER, body TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID;',
      );
      database.exec('CREATE TABLE IF NOT EXISTS turns (n INTEGER PRIMARY KEY, changes TEXT);');
      const opened = new StoreFile(file, database);
      // Takes the lock now and not with the first write.
      opened.#takeUp();
      return opened;
    } catch (error) {
      database?.close();
      throw openingFailed(file, error);
    }
  }

  private constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
    this.#select = database.prepare('SELECT version, body FROM rows WHERE pk = ? AND sk = ?');
    this.#index = database.prepare('SELECT sk, version FROM rows WHERE pk = ? LIMIT ?');
    // One lower bound each: of two, SQLite would seek by either and walk the rest.
    const range = (bound: string): StatementSync =>
      database.prepare(
        `SELECT sk FROM rows WHERE pk = ? AND sk ${bound} ? AND sk < CAST(? AS TEXT) ORDER BY sk LIMIT ?`,
      );
    this.#rangeFrom = range('>=');
    this.#rangeAfter = range('>');
    this.#upsert = database.prepare(
      'INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET version = excluded.version, body = excluded.body',
    );
    this.#remove = database.prepare('DELETE FROM rows WHERE pk = ? AND sk = ?');
    this.#append = database.prepare('INSERT INTO turns (changes) VALUES (?)');
  }

  /** At most so many keys of a partition, with the versions of their rows. */
  keysOf(pk: string, limit: number): { sk: string; version: number }[] {
    return this.#guarded(() => this.#index.all(pk, limit)) as { sk: string; version: number }[];
  }

  keysIn(pk: string, { prefix, after, limit }: { prefix: string; after?: string; limit: number }): string[] {
    const isAfter = after !== undefined && inKeyOrder(after, prefix) >= 0;
    const range = isAfter ? this.#rangeAfter : this.#rangeFrom;
    const end = Buffer.concat([Buffer.from(prefix), LAST]);
    const found = this.#guarded(() => range.all(pk, isAfter ? after : prefix, end, limit));
    return found.map(({ sk }) => sk as string);
  }

  find(pk: string, sk: string): { version: number; body: object } | undefined {
    return this.#guarded(() => {
      const found = this.#select.get(pk, sk);
      return found && { version: found.version as number, body: JSON.parse(found.body as string) as object };
    });
  }

  /** All of them or none, and behind all that were appended before; not synced yet. Returns the number of characters. */
  append(turns: readonly Turn[]): number {
    return this.#guarded(() => {
      let length = 0;
      const add = (turn: Turn): void => {
        const text = JSON.stringify(turn);
        length += text.length;
        this.#append.run(text);
      };
      const [only] = turns;
      // A statement of its own is a transaction of its own.
      if (only !== undefined && turns.length === 1) add(only);
      else this.#atOnce(() => turns.forEach(add));
      return length;
    });
  }

  /** What was appended is durable when it returns. */
  sync(): void {
    this.#guarded(() => {
      const wal = this.#openWal();
      if (wal !== null) fdatasyncSync(wal);
    });
  }

  /** The same while the process goes on: what is appended meanwhile may be durable or not. Nobody else may sync meanwhile. */
  async syncBeside(): Promise<void> {
    const wal = this.#guarded(() => this.#openWal());
    if (wal === null) return;
    try {
      await syncBeside(wal);
    } catch (error) {
      this.#failure ??= useFailed(this.#file, error);
    }
    this.requireAlive();
  }

  /** The same file for as long as the database is open. */
  #openWal(): number | null {
    if (this.#file !== NO_FILE) this.#wal ??= openSync(`${this.#file}-wal`, 'r+');
    return this.#wal;
  }

  /** Tells the table of rows what the turns up to now have come to; they are not needed any more. */
  settle(rows: Iterable<SettledRow>): void {
    this.#guarded(() => this.#atOnce(() => this.#settle(rows)));
  }

  requireSound(): void {
    this.#guarded(() => {
      const [found] = this.#database.prepare('PRAGMA integrity_check(1)').all();
      const said = String(found?.integrity_check);
      if (said !== 'ok') throw new SyntaxError(said);
      const broken = this.#database.prepare('SELECT pk, sk FROM rows WHERE NOT json_valid(body) LIMIT 1').get();
      if (broken) throw new SyntaxError(`row ${broken.pk} ${broken.sk} is no JSON`);
    });
  }

  close(): void {
    this.#failure ??= failed('the store is closed');
    if (this.#wal !== null) closeSync(this.#wal);
    this.#wal = null;
    this.#database.close();
  }

  /** Throws whatever it has failed with. */
  requireAlive(): void {
    if (this.#failure) throw this.#failure;
  }

  #takeUp(): void {
    this.#atOnce(() => {
      const rows = new Map<string, SettledRow>();
      for (const { changes } of this.#database.prepare('SELECT changes FROM turns ORDER BY n').iterate()) {
        for (const [pk, changed] of JSON.parse(changes as string) as Turn) {
          for (const [sk, version, body] of changed) rows.set(`${pk}\0${sk}`, { pk, sk, version, body });
        }
      }
      if (rows.size > 0) this.#settle(rows.values());
    });
  }

  #settle(rows: Iterable<SettledRow>): void {
    for (const { pk, sk, version, body } of rows) {
      if (version === 0) this.#remove.run(pk, sk);
      else this.#upsert.run(pk, sk, version, JSON.stringify(body));
    }
    this.#database.exec('DELETE FROM turns');
  }

  #atOnce(act: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    act();
    this.#database.exec('COMMIT');
  }

  /** A failed write leaves visible rows that are not true, and what cannot be read is not absent: it must not answer again. */
  #guarded<T>(act: () => T): T {
    this.requireAlive();
    try {
      return act();
    } catch (error) {
      this.#failure = useFailed(this.#file, error);
      // SQLite may have rolled back already; either way nothing of this turn may become durable.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw this.#failure;
    }
  }
}
