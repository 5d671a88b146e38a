/** The events of a sealed run, read from its audit file as an outsider would. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventOf, RunEvent } from '@waybill/verify';

export type SealedEvent = RunEvent & { seq: number; at: string };

export function sealedEvents(directory: string, run: string): SealedEvent[] {
  const text = readFileSync(join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SealedEvent & { type?: string })
    .filter((line) => line.type !== undefined);
}

/** The events of one type, in order. */
export function eventsOf<T extends RunEvent['type']>(
  events: readonly SealedEvent[],
  type: T,
): (EventOf<T> & { at: string })[] {
  return events.filter((event) => event.type === type) as unknown as (EventOf<T> & { at: string })[];
}
