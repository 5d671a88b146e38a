import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '../json/jcs.ts';
import { eventLineProblem, MAX_EVENT_BYTES } from './event-line.ts';

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

/** A line of the given size, made of long ids and one that fits what is left. */
function lineOf(sizeBytes: number): string {
  const items: string[] = ['a'];
  const left = (): number => sizeBytes - canonicalize({ ...READY, data: { items } }).length;
  while (left() >= 132) items.push('b'.repeat(63));
  const half = Math.floor((left() - 6) / 2);
  items.push('c'.repeat(half), 'd'.repeat(left() - half - 6));
  return canonicalize({ ...READY, data: { items } });
}

test('event lines: the writer is told what the reader would refuse', () => {
  assert.equal(eventLineProblem(canonicalize(READY)), null);
  assert.match(eventLineProblem('{') ?? '', /not JSON/);
  assert.match(eventLineProblem(JSON.stringify(READY)) ?? '', /canonical/);
  assert.match(eventLineProblem(canonicalize({ ...READY, extra: 1 })) ?? '', /unknown key "extra"/);
  assert.match(eventLineProblem(canonicalize({ ...READY, type: 'item.lost' })) ?? '', /no known kind/);
  assert.match(
    eventLineProblem(canonicalize({ ...READY, data: { items: ['../x'] } })) ?? '',
    /items\[0\] is not a name/,
  );
});

test('event lines: the size limit is exact', () => {
  const longest = lineOf(MAX_EVENT_BYTES);
  assert.equal(Buffer.byteLength(longest), MAX_EVENT_BYTES);
  assert.equal(eventLineProblem(longest), null);
  assert.match(eventLineProblem(lineOf(MAX_EVENT_BYTES + 1)) ?? '', /longer than 65535 bytes/);
});
