/**
 * `npm run sim -- --seeds 1000`: lives through seeds and reports; exits 1 at the first that breaks an invariant, after it was
 * made small. docs/how-to/replay-a-simulated-seed.md says how to read what it prints.
 */
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { shrink } from './shrink.ts';
import { liveSeed, type Outcome, type SeedOptions } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    'without-runs': { type: 'string', default: '' },
    'most-items': { type: 'string', default: 'Infinity' },
    'no-shrink': { type: 'boolean', default: false },
  },
});

const SHOWN_LINES = 60;

function optionsOf(seed: number): SeedOptions {
  const runs = new Set(values['without-runs'].split(',').filter(Boolean).map(Number));
  const faults = values.faults === undefined ? {} : { faults: new Set(values.faults.split('|').filter(Boolean)) };
  return { seed, without: { runs, mostItems: Number(values['most-items']) }, ...faults };
}

function commandOf({ seed, without, faults }: SeedOptions): string {
  const words = ['npm run sim -- --seed', String(seed)];
  if (without?.runs?.size) words.push('--without-runs', [...without.runs].join(','));
  if (Number.isFinite(without?.mostItems ?? Number.POSITIVE_INFINITY))
    words.push('--most-items', String(without?.mostItems));
  if (faults) words.push('--faults', `'${[...faults].join('|')}'`);
  return words.join(' ');
}

function show(outcome: Outcome): void {
  const { lines, faults, violation, ...figures } = outcome;
  const last = lines.slice(-SHOWN_LINES);
  console.log(last.join('\n'));
  console.log(JSON.stringify({ ...figures, faults: faults.length }));
  for (const { name, kind } of faults) console.log(`fault: ${name}: ${kind}`);
  console.log(violation === null ? 'no violation' : `violation ${violation.message}`);
}

async function reportViolation(options: SeedOptions, outcome: Outcome): Promise<void> {
  console.log(`seed ${options.seed}: ${outcome.violation?.message}`);
  if (values['no-shrink']) return;
  const { options: small, tries } = await shrink(options, outcome);
  console.log(`made smaller in ${tries} tries:`);
  show(await liveSeed({ ...small, keepsLines: true }));
  console.log(`replay it with: ${commandOf(small)}`);
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0;
}

async function liveMany(): Promise<boolean> {
  const coverage = new Coverage();
  const from = Number(values.from);
  const untilMs = values.minutes === undefined ? null : performance.now() + Number(values.minutes) * 60_000;
  const count = untilMs === null ? Number(values.seeds) : Number.POSITIVE_INFINITY;
  const [items, faults]: [number[], number[]] = [[], []];
  const totals = { seeds: 0, steps: 0, commits: 0, verified: 0 };
  const startedMs = performance.now();
  for (let seed = from; seed < from + count && (untilMs === null || performance.now() < untilMs); seed += 1) {
    const options = optionsOf(seed);
    const outcome = await liveSeed({ ...options, watch: ({ changes }) => coverage.saw(changes) });
    if (outcome.violation !== null) {
      await reportViolation(options, outcome);
      return false;
    }
    items.push(outcome.items);
    faults.push(outcome.faults.length);
    totals.seeds += 1;
    for (const name of ['steps', 'commits', 'verified'] as const) totals[name] += outcome[name];
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { visited, edges, unvisited, unlisted } = coverage.report();
  if (unvisited.length > 0) console.log(`edges not visited: ${unvisited.join(', ')}`);
  if (unlisted.length > 0) console.log(`edges that the table does not have: ${unlisted.join(', ')}`);
  console.log(`bundles verified: ${totals.verified}; transactions: ${totals.commits}; steps: ${totals.steps}`);
  console.log(
    `${totals.seeds} seeds from ${from}, ${(totals.seeds / seconds).toFixed(1)} seeds/s, median of ${median(items)} items and ` +
      `${median(faults)} faults a seed, ${visited} of ${edges} edges visited, no violation`,
  );
  return true;
}

if (values.seed === undefined) {
  if (!(await liveMany())) process.exitCode = 1;
} else {
  const outcome = await liveSeed({ ...optionsOf(Number(values.seed)), keepsLines: true });
  show(outcome);
  if (outcome.violation !== null) process.exitCode = 1;
}
