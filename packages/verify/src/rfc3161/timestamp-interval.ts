import type { VerifiedTimestamp } from './verify-timestamp.ts';

/** Milliseconds since 1970, both inclusive. */
export interface TimeInterval {
  earliestMs: number;
  latestMs: number;
}

/**
 * When the authority saw the message, if its clock is as good as it says. The message is not younger than the end of
 * it; how old it was then, no time stamp can tell.
 */
export function timestampInterval({ genTimeMs, accuracyMs }: VerifiedTimestamp): TimeInterval {
  return { earliestMs: genTimeMs - accuracyMs, latestMs: genTimeMs + accuracyMs };
}
