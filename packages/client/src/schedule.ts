/** Schedule v1 as its author writes it: when, where on earth, what is to become of slots that were missed, and the run. */
import * as z from 'zod';
import { readCron } from './cron.ts';
import { LIMITS } from './limits.ts';
import { API_VERSION, type RunSpec, runSchema } from './spec.ts';
import { closed, find } from './spec-fields.ts';
import { quote, says } from './spec-issue.ts';
import { isEndless } from './spec-warnings.ts';

const timeZone = z
  .string()
  .max(LIMITS.timeZoneChars, { abort: true })
  .superRefine((text, context) => {
    if (isTimeZone(text)) return;
    const fix = 'Name one of the IANA time zone database: `UTC`, `Europe/Berlin`.';
    find(context, 'SPEC_INVALID', `${quote(text)} is no known time zone`, fix);
  });

/** Offsets are none: they say nothing of daylight saving, and not every home takes them. */
function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

const cron = z
  .string()
  .max(LIMITS.cronChars, { abort: true })
  .superRefine((text, context) => {
    const read = readCron(text);
    if (!read.ok) for (const mistake of read.mistakes) find(context, 'SPEC_INVALID', ...mistake);
  })
  .meta({ description: 'Minute, hour, day of the month, month, day of the week.', examples: ['30 2 * * *'] });

const missed = z
  .union([z.enum(['skip', 'latest']), closed({ all: z.int().min(1).max(LIMITS.missedSlots) })], {
    error: says('it is no rule for missed slots', 'Write `skip`, `latest`, or `{ all: <most> }`.'),
  })
  .describe('Of slots that nobody could fill in time: none, the latest (default), or the latest so many.');

export const scheduleSchema = closed({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Schedule'),
  metadata: runSchema.shape.metadata,
  spec: closed({
    timeZone,
    cron,
    missed: missed.optional(),
    paused: z.boolean().optional().describe('It has no slots before somebody resumes it.'),
    run: runSchema.shape.spec.describe('What stands under `spec` of a run.'),
  }),
}).superRefine(({ spec: { run } }, context) => {
  if (!isEndless(run)) return;
  const problem = 'each time would start one more run that stays open until somebody closes it';
  const fix = 'Add `caps: { wallClock: 24h }` to `run`, or leave `openEnded` out.';
  find(context, 'SPEC_INVALID', problem, fix, ['spec', 'run', 'openEnded']);
});

export type ScheduleSpec = z.infer<typeof scheduleSchema>;
export type MissedRule = z.infer<typeof missed>;

/** The run that each slot of a schedule becomes: under the schedule's name and labels. */
export function runOf({ apiVersion, metadata, spec }: ScheduleSpec): RunSpec {
  return { apiVersion, kind: 'Run', metadata, spec: spec.run };
}

/** Where a problem of that run stands in the schedule: `spec.run.items[3]` for `spec.items[3]`. */
export function placedInSchedule<Refused extends { path: string }>(refusal: Refused): Refused {
  return { ...refusal, path: refusal.path.replace(/^spec(?=\.|$)/, 'spec.run') };
}
