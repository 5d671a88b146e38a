import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Coverage } from './coverage.ts';
import { findPlanted, firstHit } from './first-hit.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { shrink } from './shrink.ts';
import { liveSeed, type Outcome } from './world.ts';

/** `npm run sim` lives through many more. */
const SEEDS = 25;
describe('simulation', () => {
  it(`simulation: the invariants hold through ${SEEDS} seeds of runs, faults and crashes`, async (t) => {
    const all: Outcome[] = [];
    const coverage = new Coverage();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const outcome = await liveSeed({ seed, watch: ({ changes }) => coverage.saw(changes) });
      assert.equal(outcome.violation, null, `npm run sim -- --seed ${seed}`);
      all.push(outcome);
    }
    assert.deepEqual(coverage.report().unlisted, [], 'edges that the table does not have');
    const median = (of: (outcome: Outcome) => number): number => all.map(of).sort((a, b) => a - b)[SEEDS >> 1] ?? 0;
    t.diagnostic(`median of ${median(({ items }) => items)} items and ${median((each) => each.faults.length)} faults`);
    assert.ok(median(({ items }) => items) >= 30, 'items of a seed');
    assert.ok(median((each) => each.faults.length) >= 5, 'faults of a seed');
  });

  it('simulation: the same seed is the same history, and another is another', async () => {
    const [first, again, other] = [
      await liveSeed({ seed: 7 }),
      await liveSeed({ seed: 7 }),
      await liveSeed({ seed: 8 }),
    ];
    assert.equal(first.hash, again.hash);
    assert.equal(first.steps, again.steps);
    assert.notEqual(first.hash, other.hash);
  });

  it('simulation: a history that breaks an invariant is made smaller, and what is left is the same each time', async () => {
    const bug = PLANTED_BUGS.find(({ name }) => name === 'skipped event');
    const { plant } = bug ?? assert.fail('no such bug');
    const first = (await firstHit(plant)) ?? assert.fail('it is not found');
    const { options, outcome } = await shrink({ seed: first.seed, plant }, first, 25);
    assert.equal(outcome.violation?.invariant, first.violation?.invariant);
    assert.ok(outcome.runs <= first.runs && outcome.items <= first.items);
    assert.ok(outcome.items + outcome.faults.length < first.items + first.faults.length);
    assert.equal((await liveSeed(options)).hash, outcome.hash);
  });

  for (const bug of PLANTED_BUGS) {
    it(`simulation: finds a planted bug: ${bug.name}`, async (t) => {
      const { seeds, violation, isFound } = await findPlanted(bug);
      t.diagnostic(`seed ${seeds}: ${violation}`);
      assert.ok(isFound, `${bug.breaks} does not find it in ${seeds} seeds, but: ${violation}`);
    });
  }
});
