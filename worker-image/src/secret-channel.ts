/** Asks for the secrets that the job names, once, and takes away what it was answered as soon as it has read it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WaybillError } from '@waybill/client/errors';
import { secretProblem } from '@waybill/client/secret-value';
import { canonicalize } from '@waybill/verify';
import type { Lease } from '#core/mailbox-protocol.ts';
import { namedSecrets } from '#core/named-secrets.ts';
import { type KeyRequest, MAX_SEALED_BYTES, parseAnswer, type Recipient } from '#core/sealed-secrets.ts';
import { AttemptEnded, breach } from './attempt-ended.ts';
import { bodyOf, getBytes, put, remove } from './mailbox-client.ts';
import { createAttemptKey } from './sealed-box.ts';
import type { StopRequest } from './stop-request.ts';

/** A queue and a function stand between the question and its answer. */
const PATIENCE_MS = 180_000;
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 2_000;

/**
 * By name; empty where no block names any. Throws AttemptEnded `secret_unavailable`, or `secrets_withheld` when nobody answers:
 * they are given once, to an attempt that nobody has ended or told to stop.
 */
export async function receiveSecrets(
  { job, channel }: Lease,
  to: Omit<Recipient, 'key'>,
  stop: StopRequest,
  patienceMs: number = PATIENCE_MS,
): Promise<ReadonlyMap<string, string>> {
  const names = namedSecrets(job);
  if (names.length === 0 || channel === undefined) return new Map();
  const own = createAttemptKey();
  const request: KeyRequest = { v: 1, attemptId: to.attemptId, key: own.key };
  await put(channel.putKey, bodyOf(Buffer.from(canonicalize(request))), true);
  const answer = parseAnswer(await awaitAnswer(channel.getSealed, stop, patienceMs));
  // The key first: while it lies there, an answer that is gone could be given again.
  for (const url of [channel.deleteKey, channel.deleteSealed]) await remove(url);
  if ('unavailable' in answer) throw breach('secret_unavailable', answer.unavailable, 'secrets');
  const secrets = own.open(answer, to);
  const missing = names.find((name) => !secrets.has(name));
  if (missing !== undefined) throw breach('secret_unavailable', `${missing} was not among them`, 'secrets');
  // One that nobody could find in what the blocks say is given to none of them.
  for (const [name, value] of secrets) {
    const problem = secretProblem(Buffer.from(value));
    if (problem !== null) throw breach('secret_unavailable', `${name} ${problem}`, 'secrets');
  }
  return secrets;
}

async function awaitAnswer(url: string, stop: StopRequest, patienceMs: number): Promise<Uint8Array> {
  const untilMs = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    const found = await getBytes(url, MAX_SEALED_BYTES).catch((error: unknown) => {
      if (error instanceof WaybillError && error.code === 'OBJECT_MISSING') return null;
      throw error;
    });
    if (found !== null) return found;
    if (stop.reason() !== null || performance.now() > untilMs) {
      throw new AttemptEnded('failed', 'secrets_withheld', 'were not given in time', 'secrets');
    }
    await sleep(pauseMs, undefined, { signal: stop.signal }).catch(() => {});
  }
}
