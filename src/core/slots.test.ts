import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MissedRule, readCron } from '@waybill/client/compile';
import fc from 'fast-check';
import { dueSlots, latestSlot, nextSlot, slotsBetween, type Timing } from './slots.ts';

function timing(cron: string, timeZone = 'UTC'): Timing {
  const read = readCron(cron);
  assert.ok(read.ok, JSON.stringify(read));
  return { fields: read.fields, timeZone };
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString().slice(0, 16));
const at = (text: string): number => Date.parse(text);
const between = (of: Timing, from: string, to: string): (string | null)[] =>
  slotsBetween(of, at(from), at(to), 100).map(iso);
const due = (of: Timing, missed: MissedRule, from: string, to: string) => {
  const found = dueSlots(of, missed, at(from), at(to));
  if (found === null) return null;
  const { fill, passedOver } = found;
  return [fill.map(iso), ...(passedOver ? [[iso(passedOver.fromMs), iso(passedOver.toMs)]] : [])];
};

describe('slots of a schedule', () => {
  it('a time that is exactly a slot is its own latest slot, and the next one is later', () => {
    const daily = timing('30 2 * * *');
    assert.equal(iso(latestSlot(daily, at('2026-05-04T02:30:00.000Z'))), '2026-05-04T02:30');
    assert.equal(iso(latestSlot(daily, at('2026-05-04T02:29:59.999Z'))), '2026-05-03T02:30');
    assert.equal(iso(nextSlot(daily, at('2026-05-04T02:29:59.999Z'))), '2026-05-04T02:30');
    assert.equal(iso(nextSlot(daily, at('2026-05-04T02:30:00.000Z'))), '2026-05-05T02:30');
  });

  it('lists, ranges, steps, names, the last day of months and leap days', () => {
    const of = (cron: string, from: string): string | null => iso(nextSlot(timing(cron), at(from)));
    assert.equal(of('15 10 * * MON-FRI', '2026-11-21T00:00:00Z'), '2026-11-23T10:15');
    assert.equal(of('*/20 8-9 * * *', '2026-11-21T08:40:00Z'), '2026-11-21T09:00');
    assert.equal(of('0 6 1 jan,jul *', '2026-02-01T00:00:00Z'), '2026-07-01T06:00');
    assert.equal(of('59 23 31 * *', '2026-11-01T00:00:00Z'), '2026-12-31T23:59');
    assert.equal(of('0 0 29 2 *', '2096-03-01T00:00:00Z'), '2104-02-29T00:00');
    assert.equal(of('0 12 * * 7', '2026-11-21T00:00:00Z'), '2026-11-22T12:00');
  });

  it('a local time that the clock skips is no slot', () => {
    const daily = timing('30 2 * * *', 'Europe/Berlin');
    assert.deepEqual(between(daily, '2026-03-27T12:00:00Z', '2026-03-30T12:00:00Z'), [
      '2026-03-28T01:30',
      '2026-03-30T00:30',
    ]);
    const halfPast = timing('30 * * * *', 'Europe/Berlin');
    assert.deepEqual(between(halfPast, '2026-03-29T00:00:00Z', '2026-03-29T02:00:00Z'), [
      '2026-03-29T00:30',
      '2026-03-29T01:30',
    ]);
  });

  it('of a local time that the clock shows twice only the first is a slot', () => {
    const daily = timing('30 2 * * *', 'Europe/Berlin');
    assert.deepEqual(between(daily, '2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z'), [
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    assert.equal(iso(latestSlot(daily, at('2026-10-25T01:10:00Z'))), '2026-10-25T00:30', 'the dial is behind it again');
    assert.equal(iso(nextSlot(daily, at('2026-10-25T00:30:00Z'))), '2026-10-26T01:30', 'not at 02:30 a second time');
  });

  it('zones that are ahead by half hours, or change by half an hour, or leave out a day', () => {
    assert.equal(iso(nextSlot(timing('0 9 * * *', 'Asia/Kolkata'), at('2026-05-04T00:00:00Z'))), '2026-05-04T03:30');
    const lordHowe = timing('*/15 2 * * *', 'Australia/Lord_Howe');
    assert.deepEqual(between(lordHowe, '2026-10-03T15:00:00Z', '2026-10-03T16:00:00Z'), [
      '2026-10-03T15:30',
      '2026-10-03T15:45',
    ]);
    const apia = timing('0 12 * * *', 'Pacific/Apia');
    assert.deepEqual(between(apia, '2011-12-29T00:00:00Z', '2011-12-31T12:00:00Z'), [
      '2011-12-29T22:00',
      '2011-12-30T22:00',
    ]);
  });
});

describe('slots that are due', () => {
  const hourly = timing('0 * * * *');
  const [added, back] = ['2026-05-04T10:20:00Z', '2026-05-04T13:57:00Z'];

  it('in time: the slot, and nothing was passed over', () => {
    for (const missed of ['skip', 'latest', { all: 3 }] as const) {
      assert.deepEqual(due(hourly, missed, added, '2026-05-04T11:00:00.000Z'), [['2026-05-04T11:00']]);
      assert.deepEqual(due(hourly, missed, '2026-05-04T11:00:00Z', '2026-05-04T11:59:59Z'), null);
    }
  });

  it('after a time in which nobody looked, by the rule', () => {
    assert.deepEqual(due(hourly, 'skip', added, back), [[], ['2026-05-04T11:00', '2026-05-04T13:00']]);
    assert.deepEqual(due(hourly, 'latest', added, back), [
      ['2026-05-04T13:00'],
      ['2026-05-04T11:00', '2026-05-04T12:00'],
    ]);
    assert.deepEqual(due(hourly, { all: 2 }, added, back), [
      ['2026-05-04T12:00', '2026-05-04T13:00'],
      ['2026-05-04T11:00', '2026-05-04T11:00'],
    ]);
    assert.deepEqual(due(hourly, { all: 3 }, added, back)?.length, 1);
    assert.deepEqual(due(hourly, 'skip', added, '2026-05-04T13:05:00Z')?.[0], ['2026-05-04T13:00'], 'not yet missed');
    assert.deepEqual(due(hourly, 'skip', added, '2026-05-04T13:05:00.001Z')?.[0], []);
  });

  it('after months, in which no slot is counted that is not asked for', () => {
    const eachMinute = timing('* * * * *', 'America/New_York');
    assert.deepEqual(due(eachMinute, { all: 2 }, '2026-01-01T00:00:00Z', '2026-11-21T00:00:30Z'), [
      ['2026-11-20T23:59', '2026-11-21T00:00'],
      ['2026-01-01T00:01', '2026-11-20T23:58'],
    ]);
  });

  it('a clock that was set back has nothing due before it has come past what was decided', () => {
    assert.equal(due(hourly, { all: 10 }, '2026-05-04T13:00:00Z', '2026-05-04T09:30:00Z'), null);
    assert.equal(due(hourly, { all: 10 }, '2026-05-04T13:00:00Z', '2026-05-04T13:00:00Z'), null);
    assert.deepEqual(due(hourly, { all: 10 }, '2026-05-04T13:00:00Z', '2026-05-04T14:00:00Z'), [['2026-05-04T14:00']]);
  });
});

/** Each minute of a time is held against the expression, as a person with a wall clock would; nothing else is calculated. */
function slotsByWatching(of: Timing, fromMs: number, toMs: number): number[] {
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: of.timeZone, dateStyle: 'short', timeStyle: 'short' });
  const { minutes, hours, monthDays, months, weekdays } = of.fields;
  const [seen, slots]: [Set<string>, number[]] = [new Set(), []];
  for (let ms = fromMs - 4 * 3_600_000; ms <= toMs; ms += 60_000) {
    const shown = clock.format(ms);
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = shown.split(/\D/).map(Number);
    const isDay = weekdays?.includes(new Date(Date.UTC(year, month - 1, day)).getUTCDay()) ?? true;
    const isNamed = minutes.includes(minute) && hours.includes(hour) && months.includes(month) && isDay;
    if (isNamed && (monthDays?.includes(day) ?? true) && !seen.has(shown) && ms > fromMs) slots.push(ms);
    seen.add(shown);
  }
  return slots;
}

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/St_Johns'];
/** Around each of them a clock of one of the zones is changed, or a day is long past. */
const TURNS = ['2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-03-08T07:00Z', '2026-11-01T06:00Z', '2026-10-03T15:30Z'];

describe('slots, whatever the schedule', () => {
  const field = (most: number, least = 0): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: least, max: most }).map(String),
      fc.integer({ min: 1, max: most }).map((step) => `*/${step}`),
      fc
        .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
        .map(([a, b]) => `${a},${b}`),
    );
  const days = fc.oneof(
    fc.constant('* * *'),
    field(6).map((weekday) => `* * ${weekday}`),
  );
  const anySchedule = fc
    .tuple(field(59), field(23), days, fc.constantFrom(...ZONES))
    .map(([minute, hour, day, zone]) => timing(`${minute} ${hour} ${day}`, zone));

  it('the slots are those that somebody sees who watches the clock, in both directions', () => {
    fc.assert(
      fc.property(anySchedule, fc.constantFrom(...TURNS), fc.integer({ min: 0, max: 2_880 }), (of, turn, minute) => {
        const fromMs = at(turn) - 86_400_000 + minute * 60_000;
        const toMs = fromMs + 6 * 3_600_000;
        const watched = slotsByWatching(of, fromMs, toMs);
        assert.deepEqual(slotsBetween(of, fromMs, toMs, 1_000), watched);
        const next = nextSlot(of, fromMs);
        assert.equal(next !== null && next <= toMs ? next : undefined, watched[0]);
      }),
      { numRuns: 40 },
    );
  });
});
