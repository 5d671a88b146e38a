/** One run for each slot and none outside: what rows of schedules say, held against a calendar of its own. */
import type { ReceiptStatus } from '@waybill/client/documents';
import { deriveRunId } from '@waybill/verify';
import type { RowChange } from '#core/row-changes.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { ScheduleRow, SchedulesRow, SlotEntry } from '#core/schedule-rows.ts';
import { isSlot, slotsIn, toBeFilled } from './calendar.ts';
import type { Buckets } from './object-stores.ts';
import type { RowTable } from './row-table.ts';
import type { Timeline } from './timeline.ts';
import { mustHold } from './violation.ts';

const MINUTE_MS = 60_000;
/** A scheduler's clock may be ahead by so much. */
const EARLY_MS = MINUTE_MS + 1_000;
/** Where nothing goes wrong a slot is decided about after this time, even if nobody called for it. */
const PATIENCE_MS = 7 * MINUTE_MS;

export class SlotInvariants {
  readonly #table: RowTable;
  readonly #timeline: Timeline;
  /** Submissions that schedules have decided to make, by principal and id. */
  readonly #asked = new Map<string, { principal: string; id: string }>();
  readonly #filled = new Set<string>();

  constructor(table: RowTable, timeline: Timeline) {
    this.#table = table;
    this.#timeline = timeline;
  }

  committed(changes: readonly RowChange[]): void {
    for (const { pk, sk, before, after } of changes) {
      if (pk.startsWith('schedule/'))
        this.#schedule(pk.slice('schedule/'.length), before as ScheduleRow | null, after as ScheduleRow | null);
      else if (sk === 'run' && before === null && after !== null) this.#run(after as RunRow);
    }
  }

  #run({ principal, submissionId }: RunRow): void {
    if (!/^(?:slot|trigger)-/.test(submissionId)) return;
    const isAsked = this.#asked.has(`${principal}/${submissionId}`);
    mustHold(isAsked, 'I1', `run ${submissionId} of ${principal} belongs to no slot`);
  }

  #schedule(principal: string, was: ScheduleRow | null, now: ScheduleRow | null): void {
    mustHold(now !== null, 'I9', `a schedule of ${principal} is deleted`);
    if (was === null) return;
    mustHold(
      now.decidedMs >= was.decidedMs,
      'I1',
      `a schedule of ${principal} decides again about what it had decided`,
    );
    const known = new Set(was.slots.map(({ id }) => id));
    const fresh = now.slots.filter(({ id }) => !known.has(id));
    for (const { id } of fresh) this.#asked.set(`${principal}/${id}`, { principal, id });
    const slots = fresh.filter(({ how }) => how === 'slot');
    for (const slot of slots) this.#slot(principal, slot, was, now);
    const isSteered = was.definition !== now.definition || was.paused !== now.paused || was.removed !== now.removed;
    if (!isSteered && now.decidedMs > was.decidedMs) this.#decision(was, now, slots);
  }

  #slot(principal: string, { id, atMs }: SlotEntry, was: ScheduleRow, now: ScheduleRow): void {
    const at = new Date(atMs).toISOString();
    const name = `${principal}/${id.split('-')[1]}/${atMs}`;
    mustHold(!this.#filled.has(name), 'I1', `slot ${at} of a schedule becomes two runs`);
    this.#filled.add(name);
    mustHold(isSlot(now, atMs), 'I1', `${at} becomes a run and is no slot of ${now.cron} in ${now.timeZone}`);
    mustHold(!was.paused && !was.removed, 'I1', `slot ${at} becomes a run of a schedule that has none`);
    const isDue = atMs > was.decidedMs && atMs <= now.decidedMs && atMs <= this.#timeline.nowMs + EARLY_MS;
    mustHold(isDue, 'I1', `slot ${at} becomes a run and is not due`);
  }

  #decision(was: ScheduleRow, now: ScheduleRow, filled: readonly SlotEntry[]): void {
    const slots = slotsIn(now, was.decidedMs, now.decidedMs);
    const until = new Date(now.decidedMs).toISOString();
    mustHold(slots.at(-1) === now.decidedMs, 'I1', `${until} is decided about and is no slot of ${now.cron}`);
    const wanted = toBeFilled(now.missed, slots, this.#timeline.nowMs);
    if (wanted === null) return;
    const is = filled.map(({ atMs }) => atMs).join();
    mustHold(is === wanted.join(), 'I1', `of slots ${slots} [${is}] become runs and not [${wanted}]`);
  }

  /** To be asked when nothing has gone wrong for longer than anybody's patience. */
  nothingIsDue(): void {
    const { schedules = [] } = this.#table.body<SchedulesRow>(keys.schedules()) ?? {};
    for (const { principal, name } of schedules) {
      const row = this.#table.body<ScheduleRow>(keys.schedule(principal, name));
      if (row === null || row.paused || row.removed) continue;
      const [lost] = slotsIn(row, row.decidedMs, this.#timeline.nowMs - PATIENCE_MS);
      mustHold(lost === undefined, 'I9', `nobody decides about slot ${lost} of schedule ${name}`);
    }
  }

  /** When all has come to rest. */
  everySlotIsARun({ receipts }: Buckets): void {
    const answers = new Map<string, ReceiptStatus>();
    for (const { principal, submissionId, status } of receipts.values())
      answers.set(`${principal}/${submissionId}`, status);
    for (const [name, { principal, id }] of this.#asked) {
      const answer = answers.get(name);
      mustHold(answer !== undefined, 'I9', `nobody answered ${name}`);
      const run = this.#table.body<RunRow>(keys.run(deriveRunId(principal, id)));
      // A queue may have been draining, or gone.
      mustHold(run !== null || answer === 'denied' || answer === 'invalid', 'I9', `${name} became no run`);
    }
  }
}
