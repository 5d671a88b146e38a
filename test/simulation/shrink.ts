/** Makes a history that breaks an invariant smaller: fewer runs, fewer items, fewer faults, as long as the same one breaks. */
import { liveSeed, type Outcome, type SeedOptions } from './world.ts';

export interface Shrunk {
  options: SeedOptions;
  outcome: Outcome;
  tries: number;
}

/** @param mostTries seeds that are lived through at most */
export async function shrink(from: SeedOptions, first: Outcome, mostTries = 120): Promise<Shrunk> {
  const shrunk: Shrunk = { options: from, outcome: first, tries: 0 };
  const attempt = async (change: Partial<SeedOptions>): Promise<boolean> => {
    if (shrunk.tries >= mostTries) return false;
    shrunk.tries += 1;
    const options = { ...shrunk.options, ...change };
    const outcome = await liveSeed(options);
    if (outcome.violation?.invariant !== first.violation?.invariant) return false;
    shrunk.options = options;
    shrunk.outcome = outcome;
    return true;
  };
  await fewerRuns(shrunk, attempt);
  await fewerFaults(shrunk, attempt);
  await fewerItems(shrunk, attempt);
  await fewerFaults(shrunk, attempt);
  return shrunk;
}

type Attempt = (change: Partial<SeedOptions>) => Promise<boolean>;

async function fewerRuns(shrunk: Shrunk, attempt: Attempt): Promise<void> {
  for (let run = 0; run < shrunk.outcome.runs; run += 1) {
    const { runs = new Set<number>(), mostItems = Number.POSITIVE_INFINITY } = shrunk.options.without ?? {};
    if (runs.size + 1 < shrunk.outcome.runs) await attempt({ without: { mostItems, runs: new Set([...runs, run]) } });
  }
}

async function fewerItems(shrunk: Shrunk, attempt: Attempt): Promise<void> {
  const { runs = new Set<number>() } = shrunk.options.without ?? {};
  for (const mostItems of [1, 2, 3, 5, 8, 12, 20]) if (await attempt({ without: { runs, mostItems } })) return;
}

/** First all of them, then halves, then one after another. */
async function fewerFaults(shrunk: Shrunk, attempt: Attempt): Promise<void> {
  const names = (): string[] => shrunk.outcome.faults.map(({ name }) => name);
  if (await attempt({ faults: new Set() })) return;
  for (let size = Math.ceil(names().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < names().length; ) {
      const rest = names().filter((_name, n) => n < start || n >= start + size);
      if (rest.length === names().length || !(await attempt({ faults: new Set(rest) }))) start += size;
    }
  }
}
