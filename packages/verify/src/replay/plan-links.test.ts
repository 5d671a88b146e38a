import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlannedItem } from '../record/events.ts';
import { PlanBook } from './plan-book.ts';
import { mustBeLinked } from './plan-links.ts';

const SPEC = `sha256:${'0'.repeat(64)}` as const;
const GATE = { approvals: 1, reviewers: 0 };
const FOR_EACH = { from: 'split', outputs: 'shards/', as: 'item', max: 2 };
const SELECT = { output: 'made' };

/** An item behind one that makes something, one that becomes many and a gate. */
function judge(more: Partial<PlannedItem>): void {
  const planned = (id: string, how: Partial<PlannedItem> = {}): PlannedItem => {
    return { id, spec: SPEC, deps: [], needs: [], locks: [], maxAttempts: 1, ...how };
  };
  const book = new PlanBook();
  book.book(planned('split'));
  book.book(planned('many', { deps: ['split'], forEach: FOR_EACH }));
  book.book(planned('gate', { gate: GATE }));
  book.book(planned('own', { deps: ['gate', 'many', 'split'], ...more }));
  for (const [id, booked] of book.items) mustBeLinked(id, booked, book.items);
}

const SOUND: Partial<PlannedItem>[] = [
  { recipe: SPEC },
  { effect: 'write' },
  { gate: { ...GATE, reviews: ['split'] } },
  { when: { from: 'many', state: 'done' } },
  { when: { from: 'gate', state: 'denied' } },
  { needs: [{ key: 'k', from: ['split'], select: SELECT }] },
  { needs: [{ key: 'k', from: ['many'], select: SELECT, each: true }] },
  { forEach: FOR_EACH },
];

const UNSOUND: [RegExp, Partial<PlannedItem>][] = [
  [/pure and may ask/, { recipe: SPEC, effect: 'write' }],
  [/about what many leaves/, { gate: { ...GATE, reviews: ['many'] } }],
  [/about what gate leaves/, { gate: { ...GATE, reviews: ['gate'] } }],
  [/about what gate leaves/, { needs: [{ key: 'k', from: ['split', 'gate'], select: SELECT }] }],
  [/about what many leaves/, { needs: [{ key: 'k', from: ['split', 'many'], select: SELECT }] }],
  [/about what many leaves/, { when: { not: { from: 'many', output: 'made', at: '', op: 'exists', value: true } } }],
  [/about what many leaves/, { forEach: { ...FOR_EACH, from: 'many' } }],
  [/about what gate leaves/, { forEach: { ...FOR_EACH, from: 'gate' } }],
  [/only an item that runs/, { gate: GATE, needs: [{ key: 'k', from: ['split'], select: SELECT }] }],
  [/only an item that runs/, { gate: GATE, locks: [{ name: 'l', mode: 'shared' }] }],
  [/only an item that runs/, { gate: GATE, forEach: FOR_EACH }],
  [/only an item that runs/, { gate: GATE, recipe: SPEC }],
  [/only an item that runs/, { gate: GATE, effect: 'write' }],
  [/only an item that runs/, { gate: GATE, onError: 'continue' }],
  [/only an item that runs/, { gate: GATE, reads: [{ key: 'k', sha256: SPEC, sizeBytes: 1 }] }],
];

test('plan links: what a compiler makes is taken, and each thing that none makes is refused', () => {
  for (const more of SOUND) judge(more);
  for (const [said, more] of UNSOUND) assert.throws(() => judge(more), said, JSON.stringify(more));
});
