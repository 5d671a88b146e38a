/**
 * Scheduler: the alarm clock of a home. It calls whoever fills slots when a schedule has one; which slots are due is never
 * its word, but the arithmetic of `core/slots.ts` over what is stored.
 *
 * Contract
 * - `set` has a schedule called for from now on, in place of what was set for the same reference; setting it again changes
 *   nothing. At or after each slot there is at least one call, within a minute while the home is up.
 * - `remove` ends that. Removing what is not there changes nothing. A call may still be on its way.
 * - Calls may be doubled, late, come when there is no slot, and be lost while the home is down: the next one makes up for
 *   those by the rule for missed slots.
 * - `onDue` gets the calls where the adapter itself makes them; elsewhere they come by another way, with the same reference.
 */
import type { CronFields } from '@waybill/client/compile';

export interface ScheduleRef {
  principal: string;
  name: string;
}

export interface SlotAlarm extends ScheduleRef {
  fields: CronFields;
  /** IANA name. */
  timeZone: string;
}

export interface Scheduler {
  set(alarm: SlotAlarm): Promise<void>;
  remove(ref: ScheduleRef): Promise<void>;
  onDue(listener: (ref: ScheduleRef) => void): void;
}
