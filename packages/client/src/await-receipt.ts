import { type Digest, digestOf } from '@waybill/verify';
import type { Receipt } from './documents.ts';
import { RetryableError } from './errors.ts';
import type { SubmissionRef, Transport } from './transport.ts';

export interface WaitOptions {
  /** How long to wait for an answer; 30 seconds unless told. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const DEFAULT_WAIT_MS = 30_000;

/**
 * Writes an object and waits for the answer to exactly its bytes. When other bytes wait under the same id, it waits until
 * those are answered and writes again, so that the engine can say `conflict`. Writing again after a crash is harmless.
 * Bytes that were taken before are `deduped`, as the engine would say, with the run that they are.
 * Throws RetryableError TIMED_OUT when nobody answers in time.
 */
export async function submitObject(
  transport: Transport,
  queue: string,
  submissionId: string,
  bytes: Uint8Array,
  options: WaitOptions = {},
): Promise<Receipt> {
  const ref: SubmissionRef = { principal: transport.principal, submissionId };
  const submission: Digest = digestOf(bytes);
  const timeoutMs = options.timeoutMs ?? DEFAULT_WAIT_MS;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  // A refusal of the same bytes from before may have been of the deployment, and will be given anew or lifted.
  const before = await transport.readReceipt(ref, submission);
  if (before !== null && before.reasons.length === 0) return { ...before, status: 'deduped' };
  const stale = before?.at ?? null;
  let isPut = false;
  for await (const _hint of transport.changes(ref, signal)) {
    const answered = await transport.readReceipt(ref, submission);
    if (answered !== null && answered.at !== stale) return answered;
    isPut ||= (await transport.putSubmission(queue, submissionId, bytes)) !== 'other';
  }
  options.signal?.throwIfAborted();
  throw new RetryableError({
    code: 'TIMED_OUT',
    path: submissionId,
    problem: `no receipt within ${timeoutMs} ms`,
    fix: isPut
      ? `It stays in the inbox as submission ${submissionId}, and the next engine carries it out: look at \`waybill runs\` before you do it again.`
      : `Another object waits in the inbox as submission ${submissionId}, and this one was not written: look at \`waybill runs\`, then do it again.`,
  });
}
