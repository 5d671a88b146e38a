/** What an event line must be before it may enter a record: the writer asks the reader, so that both mean the same. */
import { exceedsUtf8 } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { parseCanonical } from '../json/jcs.ts';
import { eventLine } from './event-shapes.ts';

/** Of one event line, without its line feed. */
export const MAX_EVENT_BYTES = 65_535;

/**
 * Why the verifier would not read this line as an event, or null: its size, its canonical form and the closed shape of its
 * type. Whether the event fits the ones before it is not asked here.
 */
export function eventLineProblem(line: string): string | null {
  if (exceedsUtf8(line, MAX_EVENT_BYTES)) return `the event is longer than ${MAX_EVENT_BYTES} bytes`;
  try {
    const problem = eventLine(parseCanonical(line));
    return problem === undefined ? null : `event${problem}`;
  } catch (error) {
    if (error instanceof EvidenceError) return error.message;
    throw error;
  }
}
