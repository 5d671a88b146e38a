/**
 * Schedules: a principal puts one into force, pauses it, has it run now, takes it away. What can be refused of its run is
 * refused here and not at the first slot. What is in force is entered in the log with the settings, by whoever keeps it.
 */
import { compile, placedInSchedule, runOf, type ScheduleSpec, type ScheduleVerb } from '@waybill/client/compile';
import { canonicalize, deriveRunId, digestOf } from '@waybill/verify';
import { MAX_SCHEDULES } from '#core/names.ts';
import { keys } from '#core/rows.ts';
import type { ScheduleInForce, ScheduleRow, SchedulesRow, SlotEntry } from '#core/schedule-rows.ts';
import { nextSlot } from '#core/slots.ts';
import { setAlarm, timingOf } from '#flow/alarms.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { bytesOf } from '#flow/log.ts';
import { isFull, KEPT_SLOTS, showSchedules, withEntries, writeUnanswered } from '#flow/slots.ts';
import { refuseHere } from '#flow/submit.ts';
import { type Draft, decide } from '#flow/transaction.ts';
import type { InboxObject } from '#ports/inbox.ts';
import type { ScheduleRef } from '#ports/scheduler.ts';

/** An inbox may hand in an older copy of an object behind newer ones: so many are known again. */
const KEPT_ANSWERED = 20;

/** Puts a schedule into force, in place of one of the same name. Its slots begin after now. */
export async function addSchedule(deps: FlowDeps, object: InboxObject, schedule: ScheduleSpec): Promise<Answer> {
  const compiled = compile(runOf(schedule));
  if (!compiled.ok) return { status: 'invalid', reasons: compiled.refusals.map(placedInSchedule) };
  const { principal } = object;
  const refusal = await refuseHere(deps, { queue: compiled.plan.queue, principal }, compiled.plan, false);
  if (refusal) return { ...refusal, reasons: refusal.reasons.map(placedInSchedule) };
  const { cron, timeZone, missed = 'latest', paused = false } = schedule.spec;
  if (nextSlot(timingOf({ cron, timeZone }), deps.clock.nowMs()) === null) return refuseWithoutSlots(cron);
  const bytes = bytesOf(canonicalize(schedule, { numbers: 'any' }));
  const definition = digestOf(bytes);
  await deps.artifacts.put(bytes, { expected: definition });
  const ref = { principal, name: schedule.metadata.name };
  const answer = await decide(deps, async (draft): Promise<Answer> => {
    const row = await draft.readOne<ScheduleRow>(keys.schedule(principal, ref.name));
    const inForce = await readInForce(draft);
    if (isAnswered(row, object)) return DEDUPED;
    const isKnown = row !== null && !row.removed;
    if (isKnown && row.definition === definition) return DEDUPED;
    if (!isKnown && inForce.length >= MAX_SCHEDULES) return refuseTooMany();
    const fresh: ScheduleRow = {
      definition,
      queue: compiled.plan.queue,
      cron,
      timeZone,
      missed,
      ...(paused ? { paused } : {}),
      addedAtMs: draft.atMs,
      decidedMs: Math.max(draft.atMs, row?.decidedMs ?? 0),
      slots: row?.slots ?? [],
      answered: row?.answered ?? [],
    };
    write(draft, ref, object, fresh, inForce);
    return ACCEPTED;
  });
  return follow(deps, ref, answer);
}

/** Pauses a schedule, resumes it, runs it now or takes it away. */
export async function steerSchedule(deps: FlowDeps, object: InboxObject, asked: ScheduleVerb): Promise<Answer> {
  const ref = { principal: object.principal, name: asked.schedule };
  const added = triggerId(ref, object);
  const answer = await decide(deps, async (draft): Promise<Answer> => {
    const row = await draft.readOne<ScheduleRow>(keys.schedule(ref.principal, ref.name));
    const inForce = await readInForce(draft);
    const trigger = asked.do === 'trigger' ? { run: deriveRunId(ref.principal, added) } : {};
    if (isAnswered(row, object)) return { ...DEDUPED, ...trigger };
    if (row === null || row.removed) return refuseUnknown(ref.name);
    const isOneMore = asked.do === 'trigger' && row.slots.every(({ id }) => id !== added);
    if (isOneMore && isFull(row)) return refuseWhileFull(ref.name);
    const after = changed(row, ref, object, asked.do, draft.atMs);
    if (after === null) return DEDUPED;
    write(draft, ref, object, after, inForce);
    return { ...ACCEPTED, ...trigger };
  });
  return follow(deps, ref, answer, async () => {
    if (asked.do === 'trigger') await writeUnanswered(deps, ref, added);
    // Nobody looks after what is in force no more: what it still owes is written now or never.
    if (asked.do === 'rm') await writeUnanswered(deps, ref);
  });
}

const ACCEPTED: Answer = { status: 'accepted', reasons: [] };
const DEDUPED: Answer = { status: 'deduped', reasons: [] };

/** The row after what was asked for; null when it is so already. */
function changed(
  row: ScheduleRow,
  ref: ScheduleRef,
  object: InboxObject,
  verb: ScheduleVerb['do'],
  atMs: number,
): ScheduleRow | null {
  const { paused, ...rest } = row;
  switch (verb) {
    case 'pause':
      return paused ? null : { ...row, paused: true };
    case 'resume':
      // What came meanwhile was not missed: somebody did not want it.
      return paused ? { ...rest, decidedMs: Math.max(atMs, row.decidedMs) } : null;
    case 'rm':
      return { ...row, removed: true };
    case 'trigger': {
      const entry: SlotEntry = { id: triggerId(ref, object), how: 'trigger', atMs };
      return withEntries(row, [entry]);
    }
  }
}

/** One for each object that asks. */
function triggerId({ name }: ScheduleRef, { principal, submissionId }: InboxObject): string {
  return `trigger-${name}-${deriveRunId(principal, submissionId)}`;
}

async function readInForce(draft: Draft): Promise<ScheduleInForce[]> {
  return (await draft.readOne<SchedulesRow>(keys.schedules()))?.schedules ?? [];
}

function isAnswered(row: ScheduleRow | null, { submissionId }: InboxObject): boolean {
  return row?.answered.includes(submissionId) ?? false;
}

function write(
  draft: Draft,
  { principal, name }: ScheduleRef,
  { submissionId }: InboxObject,
  row: ScheduleRow,
  inForce: readonly ScheduleInForce[],
): void {
  const answered = [...row.answered, submissionId].slice(-KEPT_ANSWERED);
  draft.put(keys.schedule(principal, name), { ...row, answered } satisfies ScheduleRow);
  const others = inForce.filter((one) => one.principal !== principal || one.name !== name);
  const paused = row.paused ? { paused: true as const } : {};
  const own = row.removed ? [] : [{ principal, name, definition: row.definition, ...paused }];
  const schedules = [...others, ...own].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  draft.put(keys.schedules(), { schedules } satisfies SchedulesRow);
}

function placeOf({ principal, name }: ScheduleRef): string {
  return `${principal}/${name}`;
}

/**
 * After a crash the object comes again and is deduped, so this is done for that too. `writeOwn` writes what this object owes:
 * what others do is theirs, or every trigger would write again what all before it wrote.
 */
async function follow(deps: FlowDeps, ref: ScheduleRef, answer: Answer, writeOwn = async () => {}): Promise<Answer> {
  if (answer.status !== 'accepted' && answer.status !== 'deduped') return answer;
  await setAlarm(deps, ref);
  await writeOwn();
  await showSchedules(deps, ref.principal);
  return answer;
}

function refuseUnknown(name: string): Answer {
  const problem = `there is no schedule ${name} of yours`;
  const fix = 'Name one of `waybill schedule list`.';
  return refuse('invalid', { code: 'SCHEDULE_UNKNOWN', path: 'spec.schedule', problem, fix });
}

function refuseTooMany(): Answer {
  const problem = `there are ${MAX_SCHEDULES} schedules, and no deployment has more`;
  const fix = 'Remove one with `waybill schedule rm`.';
  return refuse('invalid', { code: 'SPEC_LIMIT', path: 'metadata.name', problem, fix });
}

/** No mistake of whoever asks, so it is an answer and nothing for the quarantine. */
function refuseWhileFull(name: string): Answer {
  const problem = `${KEPT_SLOTS} runs of schedule ${name} wait for their answer, and no more may`;
  const fix = `Trigger it again when \`waybill schedule show ${name}\` says what became of them.`;
  return refuse('denied', { code: 'SPEC_LIMIT', path: 'spec.schedule', problem, fix });
}

function refuseWithoutSlots(cron: string): Answer {
  const problem = `no time that ${JSON.stringify(cron)} names ever comes in this time zone`;
  const fix = 'Name a time that clocks there show.';
  return refuse('invalid', { code: 'SPEC_INVALID', path: 'spec.cron', problem, fix });
}
