/** Secrets are given to an attempt that was started, has not ended, and has none yet. */
import { mustHold } from '../contradiction.ts';
import type { EventData } from '../record/events.ts';
import type { ReplayedItem } from './replayed-item.ts';

/** Of the item whose attempt runs, which then has them. Which ones its manifest names is judged with the manifest. */
export function mustBeReleasable(running: ReplayedItem, { item, attempt }: EventData['secrets.released']): void {
  const at = `attempt ${attempt} at item ${item}`;
  mustHold(running.isDispatched, `${at} is given secrets and was never dispatched`);
  mustHold(running.hasSecrets === undefined, `${at} is given its secrets twice`);
  running.hasSecrets = true;
}
