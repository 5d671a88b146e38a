import type { PlannedItem } from '../record/events.ts';

/** An item as its plan entries have it together. */
export interface BookedItem extends Omit<PlannedItem, 'id' | 'more'> {
  /** What it has become, in the order of their outputs. */
  branches?: readonly string[];
}
