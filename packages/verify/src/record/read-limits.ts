/** How much of a file is read before it is refused as over a limit. */

import { EvidenceError } from '../evidence-error.ts';
import { MAX_JSON_DEPTH, MAX_JSON_NODES } from '../json/jcs.ts';
import { MAX_NOTE_BYTES } from '../log/note.ts';
import { MAX_EVENT_BYTES } from './event-line.ts';

export interface ReadLimits {
  fileBytes: number;
  lineBytes: number;
  eventBytes: number;
  jsonDepth: number;
  jsonNodes: number;
  noteBytes: number;
  proofHashes: number;
  tsrBytes: number;
}

export const DEFAULT_LIMITS: ReadLimits = {
  fileBytes: 1_073_741_824,
  lineBytes: 1_048_576,
  eventBytes: MAX_EVENT_BYTES,
  jsonDepth: MAX_JSON_DEPTH,
  jsonNodes: MAX_JSON_NODES,
  noteBytes: MAX_NOTE_BYTES,
  proofHashes: 64,
  tsrBytes: 65_536,
};

/** These two bound only what reading costs; the others are part of the format and can be lowered, never raised. */
const RAISABLE: readonly (keyof ReadLimits)[] = ['fileBytes', 'lineBytes'];

/** Throws EvidenceError `POLICY` for a limit that cannot be set so. */
export function limitsOf(chosen: Partial<ReadLimits>): ReadLimits {
  for (const [name, value] of Object.entries(chosen) as [keyof ReadLimits, number][]) {
    const most = RAISABLE.includes(name) ? Number.MAX_SAFE_INTEGER : DEFAULT_LIMITS[name];
    const isSettable = Number.isSafeInteger(value) && value >= 1 && value <= most;
    if (!isSettable) throw new EvidenceError('POLICY', `the limit ${name} is a whole number from 1 to ${most}`);
  }
  return { ...DEFAULT_LIMITS, ...chosen };
}
