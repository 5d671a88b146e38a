/**
 * Callbacks as signed POSTs: the time and an HMAC over it and the exact bytes. See docs/formats/callback.md. What is answered
 * is not read beyond its status, and nobody is followed anywhere else.
 */
import { createHmac } from 'node:crypto';
import { post } from '#adapters/http/post.ts';
import type { Callbacks, Delivery } from '#ports/callbacks.ts';
import type { Clock } from '#ports/clock.ts';

export interface CallbackEndpoint {
  url: URL;
  key: Uint8Array;
}

const TIMEOUT_MS = 10_000;

/** With these nothing was sent: no name, no connection, or nobody there who can show who it is. */
const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

export function createHttpCallbacks(
  endpoints: ReadonlyMap<string, CallbackEndpoint>,
  clock: Pick<Clock, 'nowMs'>,
  timeoutMs: number = TIMEOUT_MS,
): Callbacks {
  return {
    endpoints: new Set(endpoints.keys()),
    async send(name, body) {
      const endpoint = endpoints.get(name);
      if (endpoint === undefined) return { state: 'undelivered', detail: 'the deployment names nobody so any more' };
      const headers = { 'waybill-signature': signatureOf(endpoint.key, Math.floor(clock.nowMs() / 1_000), body) };
      const sent = { type: 'application/json', body, timeoutMs, maxAnswerBytes: 0, headers };
      return await post(endpoint.url, sent).then(
        ({ status }) => ofStatus(status),
        (error) => ofFailure(error, timeoutMs),
      );
    },
  };
}

function signatureOf(key: Uint8Array, seconds: number, body: Uint8Array): string {
  const mac = createHmac('sha256', key).update(`${seconds}.`).update(body).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

function ofStatus(status: number): Delivery {
  const isTaken = status >= 200 && status < 300;
  return { state: isTaken ? 'delivered' : 'undelivered', detail: `it was answered with ${status}` };
}

/** The words of an error may hold what a stranger has said; its code does not. */
function ofFailure(error: unknown, timeoutMs: number): Delivery {
  const code = String((error as { code?: unknown }).code ?? (error as Error).name);
  const word = /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : 'an error';
  if (BEFORE_SENDING.test(word)) return { state: 'undelivered', detail: `there was no connection: ${word}` };
  // Nothing but the clock ends one of these calls.
  const why = word === 'ABORT_ERR' ? ` within ${timeoutMs / 1_000} seconds` : `: ${word}`;
  return { state: 'unknown', detail: `nothing was answered${why}` };
}
