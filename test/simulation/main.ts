/**
 * `npm run sim -- --seeds 1000`: lives through seeds and reports; exits 1 at the first that breaks an invariant, after it was
 * made small, and when the edges that all of them went along are not those of the table. docs/how-to/replay-a-simulated-seed.md says how to read what it prints.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Figures, type FiguresMessage } from './figures.ts';
import { findPlanted } from './first-hit.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { optionsOf, reportViolation, show } from './replay.ts';
import { liveSeed } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    job: { type: 'string' },
    planted: { type: 'boolean', default: false },
    'every-edge': { type: 'boolean', default: false },
    seed: { type: 'string' },
    faults: { type: 'string' },
    'without-runs': { type: 'string', default: '' },
    'most-items': { type: 'string', default: 'Infinity' },
    'no-shrink': { type: 'boolean', default: false },
  },
});

const PROGRESS_MS = 60_000;
let living: number | null = null;
// What a world throws between two of its steps nobody awaits: without this nobody would know which seed it was.
process.on('uncaughtException', (error) => {
  console.log(`seed ${living} broke off: ${error.stack}`);
  process.exit(1);
});

/** A word that is no number would be a run of no seeds, or one without an end. */
function wholeNumber(name: 'from' | 'jobs' | 'minutes' | 'seed' | 'seeds', least: number): number {
  const word = values[name] ?? '';
  const value = Number(word);
  if (/^\d+$/.test(word) && Number.isSafeInteger(value) && value >= least) return value;
  process.stderr.write(`--${name} takes a whole number from ${least}, and was given ${JSON.stringify(word)}\n`);
  process.exit(4);
}

const from = wholeNumber('from', 0);
const jobs = wholeNumber('jobs', 1);
const seeds = wholeNumber('seeds', 1);
const minutes = values.minutes === undefined ? null : wholeNumber('minutes', 1);

/** Null: one of them broke an invariant, and it was said which. */
async function liveMany(job: number): Promise<Figures | null> {
  const figures = new Figures();
  const untilMs = minutes === null ? null : performance.now() + minutes * 60_000;
  const count = untilMs === null ? seeds : Number.POSITIVE_INFINITY;
  let saidMs = performance.now();
  for (let seed = from + job; seed < from + count; seed += jobs) {
    const nowMs = performance.now();
    if (untilMs !== null && nowMs >= untilMs) break;
    if (nowMs - saidMs >= PROGRESS_MS) {
      saidMs = nowMs;
      process.stderr.write(`seed ${seed}, ${figures.seeds} seeds so far\n`);
    }
    const options = optionsOf(seed, values);
    living = seed;
    const outcome = await liveSeed({ ...options, watch: ({ changes }) => figures.coverage.saw(changes) });
    if (outcome.violation !== null) {
      await reportViolation(options, outcome, !values['no-shrink']);
      return null;
    }
    figures.add(outcome);
  }
  return figures;
}

/** Every process takes each so manyeth seed. The first that breaks an invariant ends all. */
async function liveBeside(): Promise<Figures | null> {
  const figures = new Figures();
  const children: ChildProcess[] = [];
  const ends = Array.from({ length: jobs }, (_, job) => {
    const child = fork(import.meta.filename, [...process.argv.slice(2), '--job', String(job)]);
    children.push(child);
    return new Promise<void>((resolve, reject) => {
      let message: FiguresMessage | null = null;
      child.on('message', (said) => {
        message = said as FiguresMessage;
      });
      child.on('exit', (code) => {
        if (code !== 0 || message === null) return reject(new RangeError(`process ${job} ended with ${code}`));
        figures.merge(message);
        resolve();
      });
    });
  });
  try {
    await Promise.all(ends);
    return figures;
  } catch (error) {
    console.log(String(error));
    for (const child of children) child.kill();
    return null;
  }
}

async function reportMany(): Promise<boolean> {
  const startedMs = performance.now();
  const figures = jobs > 1 ? await liveBeside() : await liveMany(0);
  if (figures === null) return false;
  const seconds = (performance.now() - startedMs) / 1000;
  const isFound = values.planted ? await reportPlanted() : true;
  for (const line of figures.lines(from, seconds)) console.log(line);
  console.log('no violation');
  const gaps = figures.gaps(values['every-edge']);
  for (const gap of gaps) console.log(gap);
  return isFound && gaps.length === 0;
}

async function reportPlanted(): Promise<boolean> {
  let areFound = true;
  for (const bug of PLANTED_BUGS) {
    const { seeds, violation, isFound } = await findPlanted(bug);
    areFound &&= isFound;
    const by = `${isFound ? 'found' : 'not found'} by ${bug.breaks}`;
    console.log(`planted bug: ${bug.name}: ${by} in ${seeds} seeds: ${violation}`);
  }
  return areFound;
}

if (values.job !== undefined) {
  const figures = await liveMany(Number(values.job));
  if (figures === null) process.exitCode = 1;
  else process.send?.(figures.message());
} else if (values.seed === undefined) {
  if (!(await reportMany())) process.exitCode = 1;
} else {
  const outcome = await liveSeed({ ...optionsOf(wholeNumber('seed', 0), values), keepsLines: true });
  show(outcome);
  if (outcome.violation !== null) process.exitCode = 1;
}
