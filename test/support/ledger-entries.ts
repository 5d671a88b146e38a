/** The entries of a deployment's log, as they lie in the ledger. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeEntries,
  type LogEntry,
  parseCheckpoint,
  parseNote,
  requireLogEntry,
  TILE_WIDTH,
  tilePath,
} from '@waybill/verify';

export function ledgerEntries(directory: string): LogEntry[] {
  const ledger = join(directory, 'ledger');
  const newest = readdirSync(join(ledger, 'checkpoints'))
    .filter((name) => /^\d{20}$/.test(name))
    .sort()
    .at(-1);
  const { size } = parseCheckpoint(parseNote(readFileSync(join(ledger, 'checkpoints', newest ?? ''))).text);
  const entries: LogEntry[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bundle = readFileSync(join(ledger, ...tilePath({ level: 'entries', index, width }).split('/')));
    for (const line of decodeEntries(bundle)) entries.push(requireLogEntry(JSON.parse(Buffer.from(line).toString())));
  }
  return entries;
}

/** Of one type, in order; none before the first checkpoint. */
export function entriesOf<T extends LogEntry['type']>(directory: string, type: T): Extract<LogEntry, { type: T }>[] {
  const folder = join(directory, 'ledger', 'checkpoints');
  if (!existsSync(folder) || !readdirSync(folder).some((name) => /^\d{20}$/.test(name))) return [];
  return ledgerEntries(directory).filter((entry) => entry.type === type) as Extract<LogEntry, { type: T }>[];
}
