import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventLine } from '@waybill/verify';
import { ledgerAfter, Recount, type SpentByDay } from './recount.ts';

function claimed(at: string, id: string, reservedMicroUsd?: number): EventLine {
  return { type: 'attempt.claimed', at, data: { claims: [{ id, reservedMicroUsd }] } } as unknown as EventLine;
}

function settled(at: string, id: string, microUsd?: number): EventLine {
  const cost = microUsd === undefined ? {} : { cost: { microUsd } };
  return { type: 'attempt.settled', at, data: { id, ...cost } } as unknown as EventLine;
}

test('recount: what attempts cost is of the day of their claim, and what has not ended costs what it had reserved', () => {
  const [one, other] = [new Recount(), new Recount()];
  for (const event of [
    claimed('2026-10-31T23:59:59.000Z', 'a', 9),
    claimed('2026-11-20T10:00:00.000Z', 'b', 9),
    settled('2026-11-21T00:00:01.000Z', 'a', 2),
    claimed('2026-11-21T00:00:02.000Z', 'c'),
    settled('2026-11-21T00:00:03.000Z', 'c', 100),
    settled('2026-11-21T00:00:03.000Z', 'b'),
  ])
    one.take(event);
  other.take(claimed('2026-11-20T10:00:00.000Z', 'd', 30));
  const spent: SpentByDay = new Map();
  for (const recount of [one, other]) recount.addTo(spent);
  assert.deepEqual(
    [...spent],
    [
      ['2026-10-31', 2],
      ['2026-11-21', 100],
      ['2026-11-20', 30],
    ],
  );
  const { handed } = ledgerAfter(spent, '2026-11-21');
  assert.deepEqual([handed.account.microUsd, handed.month.microUsd, handed.day.microUsd], [132, 130, 100]);
  assert.deepEqual([handed.account.of, handed.month.of, handed.day.of], ['ever', '2026-11', '2026-11-21']);
});
