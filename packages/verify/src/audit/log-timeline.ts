/** The times of a log's entries: they are the operator's, but they have to go forward, and silence shows. */
import type { LogEntry } from '../log/log-entry.ts';
import type { LogFindings } from './log-finding.ts';

export interface TimeLimits {
  /** Between two entries, and between the newest and now; any, when absent. */
  maxSilenceMs?: number;
  /** By how much an entry may be older than one before it: clocks are set. Ten minutes when absent. */
  maxBackwardsMs?: number;
  /** Of the newest entry; any, when absent. */
  maxAgeMs?: number;
}

const MAX_BACKWARDS_MS = 600_000;

export class LogTimeline {
  readonly #findings: LogFindings;
  readonly #limits: TimeLimits;
  #latestMs: number | undefined;
  first: string | undefined;
  last: string | undefined;
  longestSilenceMs = 0;

  constructor(findings: LogFindings, limits: TimeLimits) {
    this.#findings = findings;
    this.#limits = limits;
  }

  see(index: number, { at, type }: LogEntry): void {
    const ms = Date.parse(at);
    const latestMs = this.#latestMs ?? ms;
    // The time of an opening is that of the run's first event, which may have waited for an engine to come back.
    const backwardsMs = type === 'run.opened' ? 0 : latestMs - ms;
    if (backwardsMs > (this.#limits.maxBackwardsMs ?? MAX_BACKWARDS_MS)) {
      this.#findings.add('TIME_BACKWARDS', `entry ${index} is ${backwardsMs} ms older than one before it`, { index });
    }
    this.#silence(latestMs, ms, `before entry ${index}`, { index });
    this.#latestMs = Math.max(latestMs, ms);
    this.first ??= at;
    this.last = at;
  }

  /** The log has ended: it may have been silent since. */
  finish(nowMs: number): void {
    if (this.#latestMs === undefined) return;
    const ageMs = nowMs - this.#latestMs;
    const { maxAgeMs } = this.#limits;
    if (maxAgeMs !== undefined && ageMs > maxAgeMs)
      this.#findings.add('TOO_OLD', `the newest entry is ${ageMs} ms old`);
    this.#silence(this.#latestMs, nowMs, 'after the newest entry', {});
  }

  #silence(fromMs: number, toMs: number, where: string, place: { index?: number }): void {
    const ms = toMs - fromMs;
    this.longestSilenceMs = Math.max(this.longestSilenceMs, ms);
    const { maxSilenceMs } = this.#limits;
    if (maxSilenceMs === undefined || ms <= maxSilenceMs) return;
    this.#findings.add('SILENCE', `${ms} ms ${where}, since ${new Date(fromMs).toISOString()}`, place);
  }
}
