/**
 * What a witness must never forget: for each log the newest checkpoint that it cosigned, and what convicts a log.
 * One SQLite file, every commit synced. The key and this file belong together: a witness that has lost the file and kept
 * the key could sign a second history, so it does not start.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { formatWitnessVkey } from '@waybill/verify';
import { loadKeyFile, newKey, type SigningKey, storeKeyFile, syncDirectory } from './signing-key.ts';
import { WitnessError } from './witness-error.ts';

const BUSY_MS = 5_000;
/** Two notes convict a log; a log that goes on and on must not fill the disk of its witness. */
const MAX_CONFLICTS_PER_LOG = 100;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS witness (id INTEGER PRIMARY KEY CHECK (id = 0), vkey TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS log (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, time INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS conflict (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    seen TEXT NOT NULL, refused TEXT NOT NULL, time INTEGER NOT NULL, UNIQUE (origin, kind, size, root)
  ) STRICT;
`;

/** The newest checkpoint of a log that was cosigned. */
export interface LogHead {
  size: number;
  root: Uint8Array;
  /** The checkpoint with the log's signatures. */
  note: string;
  /** The time in the newest cosignature, in seconds. */
  timeSeconds: number;
}

/** A checkpoint that was signed by its log and refused here, next to the one that had been cosigned before. */
export interface Conflict {
  /** `fork`: same size, other root, which nobody can explain away. `unproved`: the proof did not show an extension. */
  kind: 'fork' | 'unproved';
  origin: string;
  size: number;
  /** The checkpoint that had been cosigned, as the log signed it. */
  seen: string;
  refused: string;
  timeSeconds: number;
}

export interface WitnessState {
  readonly vkey: string;
  readonly key: SigningKey;
  head(origin: string): LogHead | null;
  /** Reads the head, decides and stores in one transaction; whatever `decide` returns is durable when this returns. */
  advance<T>(origin: string, decide: (head: LogHead | null) => { head?: LogHead; result: T }): T;
  record(conflict: Conflict & { root: Uint8Array }): void;
  /** Of all logs, in the order in which they were met. Large: for the export, not for every request. */
  conflicts(): Conflict[];
  forks(): number;
  close(): void;
}

/** Opens the state directory of a witness. A first start needs its name and makes directory, file and key. */
export function openState(directory: string, name?: string): WitnessState {
  const paths = { key: join(directory, 'witness.key'), file: join(directory, 'witness.sqlite') };
  if (existsSync(paths.key) && !existsSync(paths.file)) {
    throw stateMissing(`${paths.key} is there and ${paths.file} is not`);
  }
  if (name === undefined && !existsSync(paths.file)) throw nameless();
  if (name !== undefined) requireName(name);
  const database = openFile(directory, paths.file);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    database.exec(SCHEMA);
    syncDirectory(directory);
    return withTables(database, bindKey(database, paths.key, name));
  } catch (error) {
    database.close();
    throw error;
  }
}

function openFile(directory: string, file: string): DatabaseSync {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new DatabaseSync(file, { timeout: BUSY_MS });
  } catch (error) {
    const problem = `${directory} cannot hold the state: ${error instanceof Error ? error.message : String(error)}`;
    throw new WitnessError('USAGE', problem, 'Give --state a directory that this user may write to.');
  }
}

interface Identity {
  vkey: string;
  key: SigningKey;
}

/**
 * The key that the file was made with. A first start names the key in the file before there is a key file: so a key
 * without its name in the file has lost what it signed, and a first start that dies in between is refused the next
 * time, too.
 */
function bindKey(database: DatabaseSync, path: string, name: string | undefined): Identity {
  const readVkey = (): string | undefined =>
    database.prepare('SELECT vkey FROM witness').get()?.vkey as string | undefined;
  if (readVkey() === undefined) {
    if (existsSync(path)) throw stateMissing(`${path} is there and its state is empty`);
    if (name === undefined) throw nameless();
    const { pem, publicKey } = newKey();
    const insert = database.prepare('INSERT OR IGNORE INTO witness (id, vkey) VALUES (0, ?)');
    if (insert.run(formatWitnessVkey(name, publicKey)).changes === 1) storeKeyFile(path, pem);
  }
  const bound = readVkey() as string;
  if (!existsSync(path)) {
    const fix = 'Bring back the key file. If you have none, use a new directory and publish the new key.';
    throw new WitnessError('KEY_MISSING', `${path} is not there`, fix);
  }
  const key = loadKeyFile(path);
  if (formatWitnessVkey(name ?? bound.slice(0, bound.indexOf('+')), key.publicKey) !== bound) {
    const fix = 'Use the name and the key with which this directory was made, or a directory of its own.';
    throw new WitnessError('STATE_MISMATCH', `this directory belongs to ${bound}`, fix);
  }
  return { vkey: bound, key };
}

function stateMissing(problem: string): WitnessError {
  const fix =
    'Bring back the newest state if you are sure of it. Else retire this witness: use a new directory and its new key.';
  return new WitnessError('STATE_MISSING', problem, fix);
}

function nameless(): WitnessError {
  return new WitnessError('USAGE', 'a first start needs a name', 'Give --name, such as witness.example.org/w1.');
}

function requireName(name: string): void {
  try {
    formatWitnessVkey(name, new Uint8Array(32));
  } catch {
    const fix = 'Give a name without blanks and without +, such as witness.example.org/w1.';
    throw new WitnessError('USAGE', 'the name cannot be that of a key', fix);
  }
}

function withTables(database: DatabaseSync, { vkey, key }: Identity): WitnessState {
  const select = database.prepare('SELECT size, root, note, time FROM log WHERE origin = ?');
  const replace = database.prepare(
    'INSERT OR REPLACE INTO log (origin, size, root, note, time) VALUES (?, ?, ?, ?, ?)',
  );
  const insertConflict = database.prepare(`
    INSERT OR IGNORE INTO conflict (kind, origin, size, root, seen, refused, time)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM conflict WHERE origin = ?2 AND kind = ?1) < ${MAX_CONFLICTS_PER_LOG}`);
  const countForks = database.prepare("SELECT count(*) AS count FROM conflict WHERE kind = 'fork'");
  const selectConflicts = database.prepare('SELECT * FROM conflict ORDER BY id');
  const head = (origin: string): LogHead | null => {
    const row = select.get(origin);
    if (row === undefined) return null;
    const { size, root, note, time } = row as { size: number; root: Uint8Array; note: string; time: number };
    return { size, root, note, timeSeconds: time };
  };
  return {
    vkey,
    key,
    head,
    advance(origin, decide) {
      // Immediate: nobody, in this process or another, reads the head between our reading and our commit.
      database.exec('BEGIN IMMEDIATE');
      try {
        const { head: next, result } = decide(head(origin));
        if (next !== undefined) replace.run(origin, next.size, next.root, next.note, next.timeSeconds);
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    record({ kind, origin, size, root, seen, refused, timeSeconds }) {
      insertConflict.run(kind, origin, size, root, seen, refused, timeSeconds);
    },
    forks: () => Number(countForks.get()?.count),
    conflicts: () =>
      selectConflicts.all().map((row) => {
        const { kind, origin, size, seen, refused, time } = row as unknown as Omit<Conflict, 'timeSeconds'> & {
          time: number;
        };
        return { kind, origin, size, seen, refused, timeSeconds: time };
      }),
    close: () => database.close(),
  };
}
