import type { RunState, RunStatus } from './documents.ts';
import type { SubmissionRef, Transport } from './transport.ts';

export function isEnded(state: RunState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

/**
 * Every status that is seen to differ from the one before, beginning with the present one; statuses in between may be
 * skipped. Ends after the status of a sealed run. Waits for ever while nothing changes: abort it with the signal, upon
 * which it ends without an error.
 */
export async function* watchRun(
  transport: Transport,
  ref: SubmissionRef,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<RunStatus> {
  const signal = options.signal ?? new AbortController().signal;
  let last = '';
  for await (const _hint of transport.changes(ref, signal)) {
    const status = await transport.readStatus(ref);
    if (status === null) continue;
    const seen = JSON.stringify(status);
    if (seen !== last) {
      last = seen;
      yield status;
    }
    if (isEnded(status.state) && (status.sealedAt !== undefined || status.aborted !== undefined)) return;
  }
}
