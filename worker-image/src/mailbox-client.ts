/**
 * GET, PUT and DELETE of single objects by URL, as a presigned S3 URL and the loopback mailbox both understand them: one length,
 * known beforehand, and no other headers than the protocol needs.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError, TerminalError, WaybillError } from '@waybill/client/errors';
import { globalAgent, request as requestPlain, requestTls } from './node-http.ts';

const ATTEMPTS = 6;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** Of an answer that says why it is a refusal. */
const MAX_ERROR_BYTES = 4_096;
/** Without a byte in either direction. */
const IDLE_TIMEOUT_MS = 30_000;

/** Bytes that can be sent again from their start. */
export interface Body {
  sizeBytes: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Where they are in memory, all of them: then they are sent at once. */
  whole?: Uint8Array;
}

export function bodyOf(bytes: Uint8Array): Body {
  return { sizeBytes: bytes.byteLength, open: () => [bytes], whole: bytes };
}

/** Those that are kept for a next request: whoever asks that has no use for them. */
export function closeConnections(): void {
  globalAgent.destroy();
}

/** The whole object in memory. Throws TerminalError OBJECT_TOO_LARGE over `maxBytes`, OBJECT_MISSING for 404 and 403. */
export async function getBytes(url: string, maxBytes: number): Promise<Uint8Array> {
  return await patiently(async () => wholeOf(await open(url), maxBytes));
}

/** Listens: a loop that awaits each part takes several times as long. */
function wholeOf(answer: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    answer.on('data', (chunk: Uint8Array) => {
      sizeBytes += chunk.byteLength;
      if (sizeBytes <= maxBytes) chunks.push(chunk);
      else answer.destroy(failed('OBJECT_TOO_LARGE', `sent more than ${maxBytes} bytes`));
    });
    answer.once('end', () => resolve(Buffer.concat(chunks)));
    answer.once('error', reject);
    answer.once('close', () => reject(new RetryableError(refusal('MAILBOX_UNREACHABLE', 'broke off its answer'))));
  });
}

/** Streams the object to `sink`, which is made anew for each try. */
export async function getStream(url: string, sink: (bytes: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
  await patiently(async () => sink(await open(url)));
}

/** `once` asks that nothing be there yet: 412 means that an earlier try of ours arrived, and is success. */
export async function put(url: string, body: Body, once: boolean): Promise<void> {
  await patiently(async () => {
    const { call, answered } = send(url, 'PUT', {
      'content-length': String(body.sizeBytes),
      'content-type': 'application/octet-stream',
      ...(once ? { 'if-none-match': '*' } : {}),
    });
    // A server may refuse before it has read the body; its answer says more than the broken pipe.
    const sent = body.whole === undefined ? pipeline(Readable.from(body.open()), call).catch(() => {}) : null;
    if (body.whole !== undefined) call.end(body.whole);
    const answer = await answered;
    if (answer.statusCode !== 412 || !once) await refuseStatus(answer);
    answer.resume();
    await sent;
  });
}

/** What is not there any more is what was wanted. */
export async function remove(url: string): Promise<void> {
  await patiently(async () => {
    const { call, answered } = send(url, 'DELETE', {});
    call.end();
    const answer = await answered;
    if (answer.statusCode !== 404) await refuseStatus(answer);
    answer.resume();
  });
}

async function open(url: string): Promise<IncomingMessage> {
  const { call, answered } = send(url, 'GET', {});
  call.end();
  const answer = await answered;
  await refuseStatus(answer);
  return answer;
}

function send(
  url: string,
  method: 'DELETE' | 'GET' | 'PUT',
  headers: Record<string, string>,
): { call: ClientRequest; answered: Promise<IncomingMessage> } {
  const call = (url.startsWith('https:') ? requestTls : requestPlain)(url, {
    method,
    headers,
    timeout: IDLE_TIMEOUT_MS,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve);
    call.once('timeout', () => call.destroy(new RetryableError(refusal('MAILBOX_UNREACHABLE', 'is silent'))));
    call.on('error', (cause) => {
      reject(new RetryableError(refusal('MAILBOX_UNREACHABLE', 'cannot be reached'), { cause }));
    });
  });
  return { call, answered };
}

/**
 * OBJECT_MISSING: nothing is behind this URL, or not any more. S3 answers 403 for a signature that has expired and for an
 * object that may not be seen, and 400 where the session behind the signature has ended.
 */
async function refuseStatus(answer: IncomingMessage): Promise<void> {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  const said = status === 400 ? await errorCode(answer) : '';
  answer.resume();
  if (status === 404 || status === 403 || status === 410 || said === 'ExpiredToken') {
    throw failed('OBJECT_MISSING', `answered ${status}`);
  }
  if (status === 413) throw failed('OBJECT_TOO_LARGE', 'answered 413');
  // 409: two PUTs of one key at once, of which S3 lets none decide.
  if (status >= 500 || status === 429 || status === 408 || status === 409 || said === 'RequestTimeout') {
    throw new RetryableError(refusal('MAILBOX_UNREACHABLE', `answered ${status}`));
  }
  throw failed('OBJECT_CONFLICT', `answered ${status}`);
}

/** What S3 calls the error, in the XML of its answer; empty when it says nothing of the kind. */
async function errorCode(answer: IncomingMessage): Promise<string> {
  let said = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      said += String(chunk);
      if (said.length > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status alone has to do.
  }
  return /<Code>(\w{1,64})<\/Code>/.exec(said)?.[1] ?? '';
}

/** Tries again after what may pass, for about fifteen seconds. A sink's own errors are not tried again. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (tried === ATTEMPTS || !mayPass(error)) throw error;
      const ceilingMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 3 ** (tried - 1));
      await sleep(ceilingMs * (0.5 + Math.random() / 2));
    }
  }
}

/** A connection that breaks while a body streams in surfaces as a plain Node error with a code of the socket. */
function mayPass(error: unknown): boolean {
  if (error instanceof WaybillError) return error.retryable;
  return (
    error instanceof Error &&
    'code' in error &&
    ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(error.code))
  );
}

/** URLs are secrets: no message names one. */
function refusal(
  code: 'MAILBOX_UNREACHABLE' | 'OBJECT_MISSING' | 'OBJECT_TOO_LARGE' | 'OBJECT_CONFLICT',
  problem: string,
) {
  return {
    code,
    path: 'mailbox',
    problem,
    fix: 'Check that the engine runs and that the attempt is still open.',
  } as const;
}

function failed(code: Parameters<typeof refusal>[0], problem: string): TerminalError {
  return new TerminalError(refusal(code, problem));
}
