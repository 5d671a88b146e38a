/** Why everything under way must end before its time; the first reason stays. */
export type StopReason = 'cancelled' | 'timed_out' | 'engine_gone';

export interface StopRequest {
  readonly signal: AbortSignal;
  reason(): StopReason | null;
  stop(reason: StopReason): void;
}

export function createStopRequest(): StopRequest {
  const controller = new AbortController();
  let first: StopReason | null = null;
  return {
    signal: controller.signal,
    reason: () => first,
    stop(reason) {
      first ??= reason;
      controller.abort();
    },
  };
}
