/** The published entries of a deployment's log, read from its tiles as an outsider would. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEntries, type LogEntry, TILE_WIDTH, tilePath } from '@waybill/verify';

export function publishedSizes(directory: string): number[] {
  const folder = join(directory, 'ledger', 'checkpoints');
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^\d{20}$/.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

export function logEntries(directory: string): LogEntry[] {
  const size = publishedSizes(directory).at(-1) ?? 0;
  const entries: LogEntry[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bundle = readFileSync(join(directory, 'ledger', ...tilePath({ level: 'entries', index, width }).split('/')));
    for (const line of decodeEntries(bundle)) entries.push(JSON.parse(Buffer.from(line).toString()));
  }
  return entries;
}

/** Of one type, in order. */
export function entriesOf<T extends LogEntry['type']>(directory: string, type: T): Extract<LogEntry, { type: T }>[] {
  return logEntries(directory).filter((entry) => entry.type === type) as Extract<LogEntry, { type: T }>[];
}
