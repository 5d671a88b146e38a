/** What one item of a plan may say, and of whom. */
import { mustHold } from '../contradiction.ts';
import { testsOf } from '../record/condition.ts';
import type { BookedItem } from './booked-item.ts';

type Items = ReadonlyMap<string, BookedItem>;

/** Whatever an item names is there, is waited for and can leave what is wanted of it. Throws Contradiction. */
export function mustBeLinked(id: string, booked: BookedItem, items: Items): void {
  const { deps, needs, when, forEach, gate } = booked;
  for (const dep of deps) mustHold(items.has(dep), `item ${id} depends on ${dep}, which is not in the plan`);
  const known = new Set(deps);
  const sources = needs.flatMap(({ from }) => from);
  mustHold(
    sources.every((from) => known.has(from)),
    `item ${id} needs an item that it does not depend on`,
  );
  const tests = when === undefined ? [] : testsOf(when);
  mustHold(
    tests.every(({ from }) => known.has(from)),
    `item ${id} asks an item that it does not depend on`,
  );
  const reviews = gate?.reviews ?? [];
  mustHold(
    reviews.every((reviewed) => known.has(reviewed)),
    `gate ${id} is about an item that it does not depend on`,
  );
  const isSplitBefore = forEach === undefined || known.has(forEach.from);
  mustHold(isSplitBefore, `item ${id} becomes many by an item that it does not depend on`);
  mustTakeFromEach(id, booked, items);
  const asked = tests.flatMap((test) => ('output' in test ? [test.from] : []));
  const given = needs.flatMap(({ from, each }) => (each === undefined ? from : []));
  for (const maker of [...given, ...asked, ...reviews, ...(forEach === undefined ? [] : [forEach.from])]) {
    const isMaker = items.get(maker)?.gate === undefined && items.get(maker)?.forEach === undefined;
    mustHold(isMaker, `item ${id} is about what ${maker} leaves, which runs nothing itself`);
  }
  mustBeOfOneKind(id, booked);
}

function mustTakeFromEach(id: string, { needs }: BookedItem, items: Items): void {
  for (const { key, from, each } of needs)
    mustHold(
      (items.get(from[0] ?? '')?.forEach !== undefined && from.length === 1) === (each !== undefined),
      `item ${id} is to be given ${key} by each of what does not become many, or by one that does`,
    );
}

/** A gate runs nothing, and what asks for something outside makes no result that another could use in its place. */
function mustBeOfOneKind(
  id: string,
  { needs, locks, gate, forEach, recipe, reads, effect, onError, shape, outputs }: BookedItem,
): void {
  mustHold(recipe === undefined || effect === undefined, `item ${id} is pure and may ask for something outside`);
  const hasWork =
    needs.length + locks.length > 0 ||
    [forEach, recipe, reads, effect, onError, shape, outputs].some((part) => part !== undefined);
  mustHold(gate === undefined || !hasWork, `gate ${id} has what only an item that runs can have`);
}
