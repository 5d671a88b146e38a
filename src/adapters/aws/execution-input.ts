/** What the execution of an attempt is given, and what is said of one that could not be started. */
import { RetryableError } from '@waybill/client/errors';
import type { LaunchOrder } from '#ports/launcher.ts';

/** The machine's own deadline comes after the flow's, which decides how the attempt counts. */
const AFTER_EXPIRY_MS = 120_000;
/** The reconciler keeps a parked attempt each minute (`keep`); this long without it and the execution gives up. */
const HEARTBEAT_SECONDS = 1_800;
/** The overrides of a task have at most 8,192 characters, and the URL is not all of them. */
const MAX_LEASE_URL = 7_000;

/** Ids only: what an execution is given is shown in its history. */
export function inputOf({ attemptId, leaseUrl, expiresAtMs }: LaunchOrder, nowMs: number): string {
  if (leaseUrl.length > MAX_LEASE_URL) {
    throw notLaunched(
      attemptId,
      `its lease URL has ${leaseUrl.length} characters, more than ${MAX_LEASE_URL}`,
      'LAUNCH_FAILED',
    );
  }
  const timeoutSeconds = Math.max(2, Math.ceil((expiresAtMs + AFTER_EXPIRY_MS - nowMs) / 1000));
  // Step Functions takes no heartbeat that is not smaller than the timeout.
  const heartbeatSeconds = Math.min(HEARTBEAT_SECONDS, timeoutSeconds - 1);
  return JSON.stringify({ attemptId, leaseUrl, timeoutSeconds, heartbeatSeconds });
}

export function notLaunched(
  attemptId: string,
  problem: string,
  code: 'LAUNCH_DEFERRED' | 'LAUNCH_FAILED',
  cause?: unknown,
): RetryableError {
  const fix = 'The item is tried again; look at the executions of the attempt machine.';
  return new RetryableError({ code, path: attemptId, problem, fix }, { cause });
}
