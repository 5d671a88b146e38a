/** Items with one that takes from many of them, or decides about many. */
import { LIMITS } from '../src/limits.ts';
import { item, runOf, SCRIPT } from './run-sample.ts';

const CAPTURE = { block: 'capture', what: 'outputs' };
const numbered = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

/** Of so many sources; the item that chooses stands at the same place whatever the count is. */
export function choosing(count: number): unknown {
  const up = numbered(count, (n) => item(`u${n}`, { pipeline: [SCRIPT, CAPTURE] }));
  const oneOf = up.map(({ id }) => id);
  const filler = numbered(LIMITS.sourcesPerNeed + 1 - count, (n) => item(`f${n}`));
  return runOf([...up, ...filler, item('a', { needs: { k: { oneOf, select: { output: 'o' } } } })]);
}

export function reviewing(count: number): unknown {
  const up = numbered(LIMITS.reviewsPerGate + 1, (n) => item(`u${n}`, { pipeline: [SCRIPT, CAPTURE] }));
  return runOf([...up, { id: 'a', gate: { reviews: up.slice(0, count).map(({ id }) => id) } }]);
}

/** An item that becomes so many by what another leaves. */
export function branching(max: number, more: object = {}): object[] {
  const forEach = { from: 'up', outputs: 'o/', max };
  return [item('up', { pipeline: [SCRIPT, CAPTURE] }), item('many', { pipeline: [SCRIPT, CAPTURE], forEach, ...more })];
}
