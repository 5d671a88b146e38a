import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LedgerRow, Purse } from './money-rows.ts';
import {
  dayOf,
  givenBack,
  handedOut,
  leftOf,
  neverFits,
  newLedger,
  percentOf,
  reserved,
  settled,
  shortOf,
  toTell,
  turned,
  turnOf,
} from './purse.ts';

const DAY = '2026-11-30';
const EMPTY: Purse = { pockets: {} };
const CAPS = { accountMicroUsd: 1_000_000, monthMicroUsd: 600_000, dayMicroUsd: 300_000 };

function freeOf({ pockets }: Purse): number {
  return Object.values(pockets).reduce((sum, { freeMicroUsd }) => sum + freeMicroUsd, 0);
}

function heldOf({ pockets }: Purse): number {
  return Object.values(pockets).reduce((sum, { heldMicroUsd }) => sum + heldMicroUsd, 0);
}

describe('purses', () => {
  it('days and months are those of UTC, and a cap of the account never turns', () => {
    const ms = Date.UTC(2026, 10, 30, 23, 59, 59, 999);
    assert.equal(dayOf(ms), DAY);
    assert.deepEqual(
      [turnOf('day', ms), turnOf('month', ms), turnOf('account', ms)],
      [Date.UTC(2026, 11, 1), Date.UTC(2026, 11, 1), null],
    );
    assert.equal(turnOf('day', Date.UTC(2026, 11, 1)), Date.UTC(2026, 11, 2));
    assert.equal(turnOf('month', Date.UTC(2026, 11, 31)), Date.UTC(2027, 0, 1));
  });

  it('a new day begins with nothing handed out, and a clock that is set back brings no day back', () => {
    const spent = handedOut({ ledger: newLedger(CAPS, DAY), purse: EMPTY }, DAY, 200_000).ledger;
    const next = turned(spent, '2026-12-01');
    assert.deepEqual(
      [leftOf(next, 'day'), leftOf(next, 'month'), leftOf(next, 'account')],
      [300_000, 600_000, 800_000],
    );
    assert.deepEqual(turned(next, DAY), next);
  });

  it('the tightest cap decides, and a window without a cap never does', () => {
    const { ledger } = handedOut({ ledger: newLedger(CAPS, DAY), purse: EMPTY }, DAY, 200_000);
    assert.deepEqual(shortOf(ledger, 100_000), []);
    assert.deepEqual(shortOf(ledger, 100_001), ['day']);
    assert.deepEqual(shortOf(ledger, 800_001), ['account', 'month', 'day']);
    assert.deepEqual(shortOf(newLedger({ accountMicroUsd: 5 }, DAY), 5), []);
    assert.deepEqual([neverFits(CAPS, 300_000), neverFits(CAPS, 300_001)], [undefined, 'day']);
  });

  it('what a day that is over had left is no part of the next one, but of the month and of the account', () => {
    const { ledger, purse } = handedOut({ ledger: newLedger(CAPS, '2026-11-29'), purse: EMPTY }, '2026-11-29', 50_000);
    const held = reserved(purse, '2026-11-29', 50_000) ?? EMPTY;
    const back = givenBack(turned(ledger, DAY), settled(held, '2026-11-29', 50_000, 20_000));
    assert.deepEqual([back.ledger.handed.day.microUsd, back.ledger.handed.month.microUsd], [0, 20_000]);
    assert.equal(back.ledger.handed.account.microUsd, 20_000);
    assert.deepEqual(back.purse.pockets, {});
  });

  it('a part of a cap is told once, and all of it when something is short', () => {
    const part = (microUsd: number): LedgerRow => {
      const ledger = newLedger({ accountMicroUsd: 1_000 }, DAY);
      return { ...ledger, handed: { ...ledger.handed, account: { of: 'ever', microUsd } } };
    };
    assert.equal(toTell(part(499)).handed.account.told, undefined);
    assert.equal(toTell(part(500)).handed.account.told, 50);
    assert.equal(toTell(toTell(part(900))).handed.account.told, 80);
    assert.equal(toTell(part(900), ['account']).handed.account.told, 100);
    assert.deepEqual(
      [percentOf(0, 10), percentOf(5, 10), percentOf(8, 10), percentOf(10, 10)],
      [undefined, 50, 80, 100],
    );
  });

  it('whatever is reserved and settled, what is handed out is what is spent, held and free, and within the caps', () => {
    const step = fc.record({ queue: fc.nat(2), needed: fc.integer({ min: 1, max: 80_000 }), part: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let ledger = newLedger(CAPS, DAY);
        const purses = [EMPTY, EMPTY, EMPTY];
        const open: { queue: number; needed: number; part: number }[] = [];
        let spent = 0;
        for (const { queue, needed, part } of steps) {
          const ending = part % 2 === 0 ? open.shift() : undefined;
          if (ending !== undefined) {
            const cost = Math.floor((ending.needed * ending.part) / 100);
            purses[ending.queue] = settled(purses[ending.queue] ?? EMPTY, DAY, ending.needed, cost);
            spent += cost;
          }
          let purse = purses[queue] ?? EMPTY;
          if (reserved(purse, DAY, needed) === null) {
            const whole = givenBack(ledger, purse);
            if (shortOf(whole.ledger, needed).length > 0) continue;
            ({ ledger, purse } = handedOut(whole, DAY, needed));
          }
          purses[queue] = reserved(purse, DAY, needed) ?? assert.fail('it was handed out');
          open.push({ queue, needed, part });
          const sum = purses.reduce((all, each) => all + freeOf(each) + heldOf(each), spent);
          assert.equal(ledger.handed.account.microUsd, sum);
          assert.ok(
            leftOf(ledger, 'day') >= 0 && spent + purses.reduce((all, each) => all + heldOf(each), 0) <= 300_000,
          );
        }
      }),
    );
  });
});
