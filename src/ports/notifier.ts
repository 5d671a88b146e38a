/**
 * Notifier: tells others what happens to runs.
 *
 * Contract
 * - `notify` resolves when all events have been taken over, in any order. RetryableError when some were not: all of them
 *   may then be given again, and whoever listens tells repetitions by their `id`.
 * - Nobody waits for who listens, and nothing in a run depends on it.
 */
import type { BusEvent } from '#core/bus-events.ts';

export interface Notifier {
  notify(events: readonly BusEvent[]): Promise<void>;
}
