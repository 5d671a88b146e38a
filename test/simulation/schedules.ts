/** Schedules that people put into force in a simulated deployment, and what they do with them. */
import type { ScheduleSpec } from '@waybill/client/compile';
import type { Random } from '../support/random.ts';
import { scheduleOf, scheduleVerbOf } from '../support/run-spec.ts';
import { type Deed, PRINCIPALS } from './deed.ts';
import { itemOf, type Place, sourceOf } from './traits.ts';

const MINUTE_MS = 60_000;
const CRONS = ['* * * * *', '*/2 * * * *', '1-59/3 * * * *', '*/5 * * * *', '0,1,7,30,59 * * * *'] as const;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'] as const;
export function schedulesOf(seed: number): number {
  const random = sourceOf({ seed, run: -1 }, 'schedules');
  return random.chance(0.2) ? 1 + random.below(2) : 0;
}

export function scheduleDeeds(place: Place, startMs: number): Deed[] {
  const random = sourceOf(place, 'schedule');
  const who = PRINCIPALS[random.below(2)] as string;
  const name = `s${place.run % 2}`;
  const deeds: Deed[] = [];
  const ask = (document: object, atMs: number): void => {
    deeds.push({ atMs, key: `@control/${who}/schedule-${place.run}-${deeds.length}.json`, document, run: place.run });
  };
  const addedMs = startMs + MINUTE_MS + random.below(2 * MINUTE_MS);
  const soon = (): number => addedMs + random.below(8 * MINUTE_MS);
  ask(drawn(place, random, name, 0), addedMs);
  for (let n = random.below(5); n > 0; n -= 1) {
    const draw = random.fraction();
    if (draw < 0.3) {
      const pausedMs = soon();
      ask(scheduleVerbOf('pause', name), pausedMs);
      if (random.chance(0.8)) ask(scheduleVerbOf('resume', name), pausedMs + random.below(4 * MINUTE_MS));
    } else if (draw < 0.55) ask(scheduleVerbOf('trigger', name), soon());
    else if (draw < 0.75) ask(drawn(place, random, name, n), soon());
    else if (draw < 0.85) ask(scheduleVerbOf('rm', name), soon());
    else ask(scheduleVerbOf('trigger', 'nothing'), soon());
  }
  return deeds;
}

function drawn(place: Place, random: Random, name: string, version: number): ScheduleSpec {
  const missed = random.chance(0.4) ? { all: 1 + random.below(5) } : random.chance(0.5) ? 'latest' : 'skip';
  return scheduleOf(name, {
    timeZone: ZONES[random.below(ZONES.length)] ?? 'UTC',
    cron: CRONS[random.below(CRONS.length)] ?? '* * * * *',
    ...(random.chance(0.8) ? { missed } : {}),
    ...(random.chance(0.1) ? { paused: true } : {}),
    items: [itemOf(place, `${name}-${version}`)],
  });
}
