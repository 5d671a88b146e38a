/** What changed in one turn of the event loop, cut into pieces of which each is one text. */
import { frozenSize } from './frozen-body.ts';
import type { Change, Turn } from './store-file.ts';

/** Changes that stand in one text, and characters of it, about: no text of the platform has more than half a billion. */
export const IN_ONE: { readonly changes: number; readonly size: number } = { changes: 2_000, size: 64_000_000 };

type OfPartition = readonly [pk: string, changes: readonly Change[]];

/**
 * In their order. A piece may have one partition more than the most changes, and one change more than the size.
 * @param size of all bodies together, at most; where that is small, they are not measured one by one
 */
export function turnsOf(changed: Iterable<OfPartition>, size: number, most: typeof IN_ONE = IN_ONE): Turn[] {
  const turns: Turn[] = [];
  let turn: OfPartition[] = [];
  let [rows, inTurn] = [0, 0];
  const end = (): void => {
    if (turn.length > 0) turns.push(turn);
    [turn, rows, inTurn] = [[], 0, 0];
  };
  for (const [pk, changes] of changed) {
    for (const [some, theirs] of size > most.size ? bySize(changes, most.size) : [[changes, 0] as const]) {
      if (inTurn > 0 && inTurn + theirs > most.size) end();
      turn.push([pk, some]);
      rows += some.length;
      inTurn += theirs;
      if (rows >= most.changes || inTurn >= most.size) end();
    }
  }
  end();
  return turns;
}

function* bySize(changes: readonly Change[], most: number): Generator<readonly [Change[], number]> {
  let some: Change[] = [];
  let size = 0;
  for (const change of changes) {
    some.push(change);
    size += frozenSize(change[2]);
    if (size < most) continue;
    yield [some, size];
    [some, size] = [[], 0];
  }
  if (some.length > 0) yield [some, size];
}
