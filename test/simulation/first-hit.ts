/** How many seeds it takes until a planted bug breaks an invariant. */
import { PLANTED_BUGS } from './planted-bugs.ts';
import { liveSeed, type Outcome, type SeedOptions } from './world.ts';

/** Each is found much sooner. */
export const MOST_SEEDS = 10_000;

/** The first seed from 1 that breaks an invariant; null: none does. */
export async function firstHit(plant: SeedOptions['plant']): Promise<Outcome | null> {
  for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
    const outcome = await liveSeed({ seed, ...(plant === undefined ? {} : { plant }) });
    if (outcome.violation !== null) return outcome;
  }
  return null;
}

export async function* seedsToHits(): AsyncGenerator<{ name: string; seeds: number; violation: string | null }> {
  for (const { name, plant } of PLANTED_BUGS) {
    const hit = await firstHit(plant);
    yield { name, seeds: hit?.seed ?? MOST_SEEDS, violation: hit?.violation?.message ?? null };
  }
}
