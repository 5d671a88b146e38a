/**
 * When the events of a run that goes on are given their places: once enough of them wait, or the oldest has waited for
 * long, and never more often than a short interval. A run that ends before that interval is over is left to its seal.
 */
import type { Clock } from '#ports/clock.ts';

export interface CadenceRule {
  /** So many waiting events are enough. */
  events: number;
  /** No event waits longer. */
  longestMs: number;
  /** Between two passes over one run, and between its beginning and the first. */
  shortestMs: number;
}

export const CADENCE: CadenceRule = { events: 100, longestMs: 60_000, shortestMs: 1_000 };

interface Waiting {
  events: number;
  /** Since when the oldest waits. */
  sinceMs: number;
  lastPassMs: number;
  timer: { dueMs: number; cancel: () => void } | null;
}

export class Cadence {
  readonly #rule: CadenceRule;
  readonly #clock: Clock;
  readonly #onDue: (run: string) => void;
  readonly #runs = new Map<string, Waiting>();

  constructor(rule: CadenceRule, clock: Clock, onDue: (run: string) => void) {
    this.#rule = rule;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** So many events more wait. */
  note(run: string, events: number): void {
    let waiting = this.#runs.get(run);
    if (!waiting) {
      const nowMs = this.#clock.nowMs();
      waiting = { events: 0, sinceMs: nowMs, lastPassMs: nowMs, timer: null };
      this.#runs.set(run, waiting);
    }
    if (waiting.events === 0) waiting.sinceMs = this.#clock.nowMs();
    waiting.events += events;
    this.#schedule(run, waiting);
  }

  /** Its seal, or its abort, does the rest. */
  forget(run: string): void {
    this.#runs.get(run)?.timer?.cancel();
    this.#runs.delete(run);
  }

  stop(): void {
    for (const run of [...this.#runs.keys()]) this.forget(run);
  }

  #schedule(run: string, waiting: Waiting): void {
    const { events, longestMs, shortestMs } = this.#rule;
    const { sinceMs, lastPassMs, timer } = waiting;
    const wantedMs = waiting.events >= events ? lastPassMs : sinceMs + longestMs;
    const dueMs = Math.max(wantedMs, lastPassMs + shortestMs);
    if (timer && timer.dueMs <= dueMs) return;
    timer?.cancel();
    const cancel = this.#clock.after(Math.max(0, dueMs - this.#clock.nowMs()), () => this.#fire(run, waiting));
    waiting.timer = { dueMs, cancel };
  }

  #fire(run: string, waiting: Waiting): void {
    if (this.#runs.get(run) !== waiting) return;
    waiting.timer = null;
    waiting.events = 0;
    waiting.lastPassMs = this.#clock.nowMs();
    this.#onDue(run);
  }
}
