/** How many seeds it takes until a planted bug breaks an invariant, and the rule that it was made for. */
import type { PlantedBug } from './planting.ts';
import { liveSeed, type Outcome, type SeedOptions } from './world.ts';

/** Each is found much sooner. */
const MOST_SEEDS = 10_000;

/** Seeds in which another rule may say it sooner than the one that is to. */
const MOST_OTHERS = 10;

/** The first seed from `from` that breaks an invariant; null: none does. */
export async function firstHit(plant: SeedOptions['plant'], from = 1): Promise<Outcome | null> {
  for (let seed = from; seed <= MOST_SEEDS; seed += 1) {
    const outcome = await liveSeed({ seed, ...(plant === undefined ? {} : { plant }) });
    if (outcome.violation !== null) return outcome;
  }
  return null;
}

interface FoundBug {
  seeds: number;
  /** By the rule that it breaks, or, where that never said it, the last by another one. */
  violation: string | null;
  isFound: boolean;
}

export async function findPlanted({ breaks, plant }: PlantedBug): Promise<FoundBug> {
  let violation: string | null = null;
  let seeds = 0;
  for (let others = 0; others <= MOST_OTHERS; others += 1) {
    const hit = await firstHit(plant, seeds + 1);
    seeds = hit?.seed ?? MOST_SEEDS;
    if (hit === null) break;
    violation = hit.violation?.message ?? '';
    if (breaks.test(violation)) return { seeds, violation, isFound: true };
  }
  return { seeds, violation, isFound: false };
}
