/** What the machine itself allows: single rows and single files with the durability that the engine uses. */
import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Figure, IN_FLIGHT, type Round, SHAPES, SUBMISSIONS, timeSubmissions } from './shapes.ts';

const BODY = JSON.stringify({
  state: 'done',
  outcome: 'succeeded',
  reason: 'ok',
  at: '2026-01-01T00:00:00.000Z',
  filler: 'x'.repeat(200),
});

/** Enough commits for a stable figure. */
const COMMITS = 1_000;
/** An engine that shares commits, as ours does, has this above it. */
const GROUP = 100;

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

/** One durable file for each submission: written, synced, and its name synced. */
export async function timeCreates(scratch: string, inFlight: number): Promise<Figure> {
  const directory = join(scratch, `creates-${inFlight}`);
  mkdirSync(directory);
  const figure = await timeSubmissions(inFlight, async (n) => {
    const file = await open(join(directory, String(n)), 'wx');
    await file.writeFile(BODY);
    await file.sync();
    await file.close();
    const names = await open(directory, 'r');
    await names.sync();
    await names.close();
  });
  rmSync(directory, { recursive: true });
  return figure;
}

/** Where each completion is a commit of its own: what no engine without group commit can pass. */
export async function measureFloor(scratch: string): Promise<Round> {
  const single = timeFloor(scratch, COMMITS, 1) / COMMITS;
  const completions = (count: number): Figure => ({ count, elapsedMs: single * count });
  return {
    figures: {
      'w1-1000': completions(SHAPES['w1-1000']().length),
      'w1-3000': completions(SHAPES['w1-3000']().length),
      'w1-10000': completions(SHAPES['w1-10000']().length),
      w2: completions(SHAPES.w2().length),
      w3: completions(SHAPES.w3().length),
      'w4-burst': await timeCreates(scratch, SUBMISSIONS),
      'w4-32': await timeCreates(scratch, IN_FLIGHT),
    },
    peakBytes: 0,
  };
}

/** What sharing commits is worth here. */
export function measureGroupFloor(scratch: string): Round {
  const perItem = timeFloor(scratch, 50_000, GROUP) / 50_000;
  const completions = (count: number): Figure => ({ count, elapsedMs: perItem * count });
  return {
    figures: { 'w1-1000': completions(1_000), 'w1-3000': completions(3_000), 'w1-10000': completions(10_000) },
    peakBytes: 0,
  };
}

/** Milliseconds of one small write with its sync, the median of many: the speed of a disk changes by the minute. */
export async function probeDisk(scratch: string): Promise<number> {
  const file = await open(join(scratch, 'probe'), 'w');
  const times: number[] = [];
  for (let n = 0; n < 50; n += 1) {
    const startedMs = performance.now();
    await file.write(BODY);
    await file.datasync();
    times.push(performance.now() - startedMs);
  }
  await file.close();
  return times.sort((a, b) => a - b)[25] ?? Number.NaN;
}
