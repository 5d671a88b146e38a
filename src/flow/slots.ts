/**
 * Slots: what is due of a schedule becomes objects of the inbox, once each. The row says first that a slot is decided about
 * and that its object is to be written; so whoever comes after a crash writes it again, under the same name.
 */
import { runOf, type ScheduleSpec } from '@waybill/client/compile';
import type { ScheduleStatus, SlotStatus } from '@waybill/client/documents';
import { WaybillError } from '@waybill/client/errors';
import { canonicalize, deriveRunId, sha256Hex } from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import { keys } from '#core/rows.ts';
import type { ScheduleInForce, ScheduleRow, SchedulesRow, SlotEntry } from '#core/schedule-rows.ts';
import { dueSlots, nextSlot } from '#core/slots.ts';
import { setAlarm, timingOf } from '#flow/alarms.ts';
import type { Answer } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { SharedTask } from '#flow/shared-task.ts';
import { decide, peek } from '#flow/transaction.ts';
import type { InboxObject } from '#ports/inbox.ts';
import type { ScheduleRef } from '#ports/scheduler.ts';

/** Entries of a schedule that are kept: those of one look after a downtime, and some before. */
export const KEPT_SLOTS = 20;
/** Reasons of a refusal that are kept; its receipt has all. */
const KEPT_REASONS = 3;
const SHOWN_NEXT = 3;
/** A scheduler that is called ahead of time is so by no more. */
const EARLY_MS = 60_000;
const SLOT_ID = /^(?:slot|trigger)-([a-z0-9][a-z0-9._-]{0,62})-[0-9a-f]{32}$/;

interface Due {
  /** The slot for which a scheduler says that it calls: its clock may be a little ahead of ours. */
  plannedMs?: number;
  /** Slots that are younger are left to the call that is on its way. */
  patienceMs?: number;
}

/** Has everything that is due become a submission; called at each slot, and again whenever a call may have been lost. */
export async function fillSlots(
  deps: FlowDeps,
  ref: ScheduleRef,
  { plannedMs = 0, patienceMs = 0 }: Due = {},
): Promise<void> {
  await decide(deps, async (draft) => {
    const row = await draft.readOne<ScheduleRow>(keys.schedule(ref.principal, ref.name));
    if (row === null || row.removed || row.paused) return;
    // Nothing is decided on top of so much that has no answer: it stays due, and the row small.
    if (isFull(row)) return;
    const nowMs = plannedMs <= draft.atMs + EARLY_MS ? Math.max(draft.atMs, plannedMs) : draft.atMs;
    const due = dueSlots(timingOf(row), row.missed, row.decidedMs, nowMs - patienceMs);
    if (due === null) return;
    const entries = due.fill.map((atMs): SlotEntry => ({ id: slotId(ref, atMs), how: 'slot', atMs }));
    const passed = due.passedOver === undefined ? {} : { passedOver: due.passedOver };
    draft.put(keys.schedule(ref.principal, ref.name), {
      ...withEntries(row, entries),
      ...passed,
      decidedMs: due.latestMs,
    } satisfies ScheduleRow);
  });
  await writeUnanswered(deps, ref);
}

/** Every schedule that is in force is called for, and what was missed is made up for. */
export async function resumeSchedules(
  deps: FlowDeps,
  onTrouble: (about: string, error: unknown) => void,
  due: Due = {},
): Promise<void> {
  for (const { principal, name, paused } of await schedulesInForce(deps)) {
    const ref = { principal, name };
    // What is due does not wait for a scheduler that is away.
    const acts = paused
      ? [() => writeUnanswered(deps, ref)]
      : [() => setAlarm(deps, ref), () => fillSlots(deps, ref, due)];
    for (const act of acts) await act().catch((error: unknown) => onTrouble(`schedule ${name}`, error));
  }
}

export async function schedulesInForce(deps: FlowDeps): Promise<ScheduleInForce[]> {
  return (await peek<SchedulesRow>(deps, keys.schedules()))?.schedules ?? [];
}

/** One for a schedule and a time, so a slot that is filled twice is one submission. */
function slotId({ principal, name }: ScheduleRef, slotMs: number): string {
  return `slot-${name}-${sha256Hex(`${principal}\0${name}\0${isoTime(slotMs)}`).slice(0, 32)}`;
}

/** A slot that is there already stays as it is. What is not answered is never dropped for what is newer. */
export function withEntries(row: ScheduleRow, entries: readonly SlotEntry[]): ScheduleRow {
  const known = new Set(row.slots.map(({ id }) => id));
  const slots = [...row.slots, ...entries.filter(({ id }) => !known.has(id))];
  const answered = slots.filter(({ status }) => status !== undefined);
  const dropped = new Set(answered.slice(0, Math.max(0, slots.length - KEPT_SLOTS)));
  return { ...row, slots: slots.filter((entry) => !dropped.has(entry)) };
}

export function isFull(row: ScheduleRow): boolean {
  return unanswered(row).length >= KEPT_SLOTS;
}

function unanswered({ slots }: ScheduleRow): SlotEntry[] {
  return slots.filter(({ status }) => status === undefined);
}

/** Writes the objects of slots that have no answer yet, or that of one. What lies there already is left alone. */
export async function writeUnanswered(deps: FlowDeps, ref: ScheduleRef, only?: string): Promise<void> {
  const row = await peek<ScheduleRow>(deps, keys.schedule(ref.principal, ref.name));
  if (row === null) return;
  const open = unanswered(row).filter(({ id }) => only === undefined || id === only);
  if (open.length > 0) await deps.store.durable();
  for (const { id } of open) {
    try {
      const bytes = new TextEncoder().encode(canonicalize(runOf(await definitionOf(deps, row)), { numbers: 'any' }));
      await deps.inbox.put({ queue: row.queue, principal: ref.principal, submissionId: id }, bytes);
    } catch (error) {
      if (!(error instanceof WaybillError) || error.retryable) throw error;
      const { code, path, problem, fix } = error;
      await noteAnswer(deps, ref, id, { status: 'denied', reasons: [{ code, path, problem, fix }] });
    }
  }
}

async function definitionOf(deps: FlowDeps, { definition }: ScheduleRow): Promise<ScheduleSpec> {
  const parts: Uint8Array[] = [];
  for await (const part of await deps.artifacts.open(definition)) parts.push(part);
  // It was written by this deployment, from what the schema had accepted.
  return JSON.parse(Buffer.concat(parts).toString()) as ScheduleSpec;
}

/** What became of a submission, where a schedule has started it: a slot whose run is refused must not go unseen. */
export async function noteSlot(
  deps: FlowDeps,
  { principal, submissionId }: InboxObject,
  answer: Answer,
): Promise<void> {
  const name = SLOT_ID.exec(submissionId)?.[1];
  if (name !== undefined) await noteAnswer(deps, { principal, name }, submissionId, answer);
}

async function noteAnswer(deps: FlowDeps, ref: ScheduleRef, id: string, { status, reasons }: Answer): Promise<void> {
  const key = keys.schedule(ref.principal, ref.name);
  const isNew = await decide(deps, async (draft) => {
    const row = await draft.readOne<ScheduleRow>(key);
    const entry = row?.slots.find((one) => one.id === id);
    // An acceptance is final, as it is in receipts.
    if (!row || !entry || entry.status === 'accepted' || entry.status === status) return false;
    const { reasons: _before, ...rest } = entry;
    const why = reasons.length === 0 ? {} : { reasons: reasons.slice(0, KEPT_REASONS) };
    const answered: SlotEntry = { ...rest, status, ...why };
    draft.put(key, { ...row, slots: row.slots.map((one) => (one.id === id ? answered : one)) } satisfies ScheduleRow);
    return true;
  });
  if (isNew) await showSchedules(deps, ref.principal);
}

/** By who publishes and whose they are. */
const published = new WeakMap<FlowDeps, Map<string, SharedTask<void>>>();

/** Replaces what the principal is shown; once for all who ask meanwhile, so that a batch of controls is no list for each. */
export function showSchedules(deps: FlowDeps, principal: string): Promise<void> {
  const mine = published.get(deps) ?? new Map<string, SharedTask<void>>();
  published.set(deps, mine);
  const task = mine.get(principal) ?? new SharedTask(() => publishSchedules(deps, principal));
  mine.set(principal, task);
  return task.request();
}

async function publishSchedules(deps: FlowDeps, principal: string): Promise<void> {
  const own = (await schedulesInForce(deps)).filter((one) => one.principal === principal);
  const rows = own.length === 0 ? [] : await deps.store.get(own.map(({ name }) => keys.schedule(principal, name)));
  const nowMs = deps.clock.nowMs();
  const schedules = own.flatMap(({ name }, n) => {
    const row = rows[n]?.body as ScheduleRow | undefined;
    return row === undefined || row.removed ? [] : [statusOf({ principal, name }, row, nowMs)];
  });
  await deps.store.durable();
  await deps.inbox.publishSchedules({ v: 1, principal, at: isoTime(nowMs), schedules });
}

function statusOf(ref: ScheduleRef, row: ScheduleRow, nowMs: number): ScheduleStatus {
  const { queue, cron, timeZone, missed, definition, paused = false, passedOver } = row;
  const next: string[] = [];
  for (let afterMs: number | null = Math.max(nowMs, row.decidedMs); !paused && next.length < SHOWN_NEXT; ) {
    afterMs = nextSlot(timingOf(row), afterMs);
    if (afterMs === null) break;
    next.push(isoTime(afterMs));
  }
  const slots = row.slots.map(({ id, how, atMs, status, reasons = [] }): SlotStatus => {
    const run = deriveRunId(ref.principal, id);
    return { at: isoTime(atMs), how, submissionId: id, run, ...(status === undefined ? {} : { status }), reasons };
  });
  const passed =
    passedOver === undefined ? {} : { passedOver: { from: isoTime(passedOver.fromMs), to: isoTime(passedOver.toMs) } };
  const addedAt = isoTime(row.addedAtMs);
  return { name: ref.name, queue, cron, timeZone, missed, definition, paused, addedAt, next, slots, ...passed };
}
