/** What the machine itself allows: completions as single rows in SQLite with the durability that the engine uses. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const BODY = JSON.stringify({
  state: 'done',
  outcome: 'succeeded',
  reason: 'ok',
  at: '2026-01-01T00:00:00.000Z',
  filler: 'x'.repeat(200),
});

/** Milliseconds for `n` durable completions, `perCommit` of them in each commit. */
export function timeFloor(scratch: string, n: number, perCommit: number): number {
  const file = join(scratch, `floor-${perCommit}.sqlite`);
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  const database = new DatabaseSync(file);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE done (id INTEGER PRIMARY KEY, body TEXT)',
  );
  const insert = database.prepare('INSERT INTO done VALUES (?, ?)');
  const startedMs = performance.now();
  for (let id = 0; id < n; ) {
    database.exec('BEGIN');
    for (const end = Math.min(n, id + perCommit); id < end; id += 1) insert.run(id, BODY);
    database.exec('COMMIT');
  }
  const elapsedMs = performance.now() - startedMs;
  database.close();
  return elapsedMs;
}
