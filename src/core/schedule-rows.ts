/** Rows of schedules; `rows.ts` has their keys. */
import type { MissedRule } from '@waybill/client/compile';
import type { ReceiptStatus } from '@waybill/client/documents';
import type { Refusal } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';

/** What is in force of one schedule. */
export interface ScheduleInForce {
  principal: string;
  name: string;
  /** Of its document, which is an artifact. */
  definition: Digest;
  paused?: true;
}

export interface SchedulesRow {
  /** By principal and name. */
  schedules: ScheduleInForce[];
}

export interface SlotEntry {
  /** Submission id of the run. */
  id: string;
  how: 'slot' | 'trigger';
  atMs: number;
  /** What the inbox answered; until then the object may have to be written again. */
  status?: ReceiptStatus;
  reasons?: Refusal[];
}

export interface ScheduleRow {
  definition: Digest;
  queue: string;
  cron: string;
  timeZone: string;
  missed: MissedRule;
  paused?: true;
  /** It is in force no more. The row stays, so that no copy of an older object brings it back. */
  removed?: true;
  addedAtMs: number;
  /** Of slots up to here it is decided whether they become runs. */
  decidedMs: number;
  passedOver?: { fromMs: number; toMs: number };
  /** The newest, oldest first. */
  slots: SlotEntry[];
  /** Ids of the last objects that were answered about it. */
  answered: string[];
}
