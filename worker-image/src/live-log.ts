/**
 * Puts the log while blocks still write it, for people who follow. What stands there is a beginning of the log and never
 * evidence: the log that counts is put, or travels in the result, when all blocks have ended, and replaces it.
 * Only what is in the log file is put, so that whatever must not be seen has to be kept out there, and nowhere else.
 */
import type { Pulse } from './heartbeat.ts';
import type { LogFile } from './log-file.ts';
import { Pauses } from './pauses.ts';

/** Of a heartbeat's time. As with beats, an attempt that is over before costs none: where beats are seldom, requests are paid. */
const FIRST_SHARE = 2 / 3;
/** However long a lease lives: who follows does not want to wait longer. */
const MAX_LEAST_PAUSE_MS = 5_000;
/** A PUT brings the whole log: those of a long attempt, or of a long log, are seldom. */
const PAUSE_PER_ELAPSED = 1 / 20;
const BYTES_PER_MS = 512;
const MAX_GROWTH = 6;

export interface LiveLog {
  /** Resolves when no PUT is under way any more, and none will follow. */
  end(): Promise<void>;
}

/** Puts it when it has grown: at first after two thirds of a heartbeat's time, then every 5 s at most, later less often. */
export function startLiveLog(show: Pulse['showLog'], log: LogFile, heartbeatMs: number): LiveLog {
  const pauses = new Pauses();
  const startedMs = performance.now();
  const showing = (async (): Promise<void> => {
    let shownBytes = 0;
    for (;;) {
      await pauses.of(pauseMs(heartbeatMs, performance.now() - startedMs, shownBytes));
      if (pauses.areOver) return;
      const body = log.body();
      if (body.sizeBytes === shownBytes) continue;
      await show(body);
      shownBytes = body.sizeBytes;
    }
  })();
  return {
    async end() {
      pauses.end();
      await showing;
    },
  };
}

/** How long to wait before the next look at the log, in ms. */
export function pauseMs(heartbeatMs: number, elapsedMs: number, sizeBytes: number): number {
  const firstMs = heartbeatMs * FIRST_SHARE;
  if (elapsedMs < firstMs) return firstMs - elapsedMs;
  const leastMs = Math.min(heartbeatMs, MAX_LEAST_PAUSE_MS);
  const wanted = Math.max(leastMs, elapsedMs * PAUSE_PER_ELAPSED, sizeBytes / BYTES_PER_MS);
  return Math.min(wanted, leastMs * MAX_GROWTH);
}
