import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '../json/jcs.ts';
import { eventProblem, MAX_EVENT_BYTES } from './event-line.ts';

const READY = {
  v: 1,
  origin: 'waybill.local/0',
  run: '0a'.repeat(16),
  seq: 3,
  at: '2026-11-21T05:00:00.000Z',
  type: 'item.ready',
  salt: '0b'.repeat(16),
  data: { items: ['build'] },
};

function problemOf(event: object): string {
  return eventProblem(event, canonicalize(event)) ?? '';
}

/** An event whose line has the given size, made of long ids and one that fits what is left. */
function eventOf(sizeBytes: number): object {
  const items: string[] = ['a'];
  const left = (): number => sizeBytes - canonicalize({ ...READY, data: { items } }).length;
  while (left() >= 132) items.push('b'.repeat(63));
  const half = Math.floor((left() - 6) / 2);
  items.push('c'.repeat(half), 'd'.repeat(left() - half - 6));
  return { ...READY, data: { items } };
}

test('event lines: the writer is told what the reader would refuse', () => {
  assert.equal(problemOf(READY), '');
  assert.match(problemOf({ ...READY, extra: 1 }), /unknown key "extra"/);
  assert.match(problemOf({ ...READY, type: 'item.lost' }), /no known kind/);
  assert.match(problemOf({ ...READY, data: { items: ['../x'] } }), /items\[0\] is not an item id/);
});

test('event lines: the size limit is exact', () => {
  const longest = eventOf(MAX_EVENT_BYTES);
  assert.equal(Buffer.byteLength(canonicalize(longest)), MAX_EVENT_BYTES);
  assert.equal(problemOf(longest), '');
  assert.match(problemOf(eventOf(MAX_EVENT_BYTES + 1)), /longer than 65535 bytes/);
});
