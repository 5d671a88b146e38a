/** One seed that is looked at: its options from the command line and back, what is shown of it, and its smaller form. */
import { shrink } from './shrink.ts';
import { liveSeed, type Outcome, type SeedOptions } from './world.ts';

const SHOWN_LINES = 60;

/** As the command line has them. */
export interface ReplayValues {
  faults?: string | undefined;
  'without-runs': string;
  'most-items': string;
}

export function optionsOf(seed: number, values: ReplayValues): SeedOptions {
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

export function show(outcome: Outcome): void {
  const { lines, faults, violation, ...figures } = outcome;
  const last = lines.slice(-SHOWN_LINES);
  console.log(last.join('\n'));
  console.log(JSON.stringify({ ...figures, faults: faults.length }));
  for (const { name, kind } of faults) console.log(`fault: ${name}: ${kind}`);
  console.log(violation === null ? 'no violation' : `violation ${violation.message}`);
}

/** Says what broke, makes it smaller unless that is not wanted, and how to see it again. */
export async function reportViolation(options: SeedOptions, outcome: Outcome, isShrunk: boolean): Promise<void> {
  console.log(`seed ${options.seed}: ${outcome.violation?.message}`);
  if (!isShrunk) return;
  const { options: small, tries } = await shrink(options, outcome);
  console.log(`made smaller in ${tries} tries:`);
  show(await liveSeed({ ...small, keepsLines: true }));
  console.log(`replay it with: ${commandOf(small)}`);
}
