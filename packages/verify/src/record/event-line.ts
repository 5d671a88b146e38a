/** What an event must be before it may enter a record: the writer asks the reader, so that both mean the same. */
import { exceedsUtf8 } from '../crypto/bytes.ts';
import { eventLine } from './event-shapes.ts';

/** Of one event line, without its line feed. */
export const MAX_EVENT_BYTES = 65_535;

/**
 * Why the verifier would not read this event, or null: the size of its line and the closed shape of its type. `line` is the
 * canonical form of `event`, which is not asked again. Nor is whether the event fits the ones before it.
 */
export function eventProblem(event: unknown, line: string): string | null {
  if (exceedsUtf8(line, MAX_EVENT_BYTES)) return `the event is longer than ${MAX_EVENT_BYTES} bytes`;
  const problem = eventLine(event);
  return problem === undefined ? null : `event${problem}`;
}
