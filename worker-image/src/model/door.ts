/**
 * The door to a model: an HTTP server on a Unix socket, opened by the wrapper for one block. The block holds neither the
 * address nor the key of what is behind it, and asks the one model that its spec names, or nothing. What passes is counted
 * here, where no block can say otherwise.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { PromptedBlock } from '@waybill/client/plan';
import type { ClaimedUsage } from '@waybill/verify';
import type { ModelSession } from '#core/model-session.ts';
import { createServer, request as requestPlain, requestTls } from '../node-http.ts';
import type { Meter } from './meters.ts';
import { createHearing, type Heard, objectIn } from './request-body.ts';
import { signedHeaders } from './signed-headers.ts';
import { WIRES, type Wire } from './wires.ts';

export interface DoorOptions {
  adapter: PromptedBlock['adapter'];
  /** The only one. */
  model: string;
  url: string;
  /** Requests carry it, or are signed with the session; null where nothing is asked for. */
  key: string | ModelSession | null;
  /** Where it listens. */
  path: string;
  /** Told of each request, in a line without line feeds. */
  note(line: string): void;
  patience?: Patience;
}

/** Milliseconds. */
export interface Patience {
  headersTimeout: number;
  requestTimeout: number;
  connectionsCheckingInterval: number;
}

export interface DoorUsage {
  /** One entry for each model that answered; of none that was asked, the one that could have been, with nothing. */
  usage: Omit<ClaimedUsage, 'block'>[];
  /** Something was answered of which nobody knows what it took. */
  isUnread: boolean;
}

export interface Door {
  /** Ends what is under way, too. */
  close(): Promise<DoorUsage>;
}

/** At a time: what they hold together is memory of the wrapper. One connection can carry many requests. */
const MAX_CONNECTIONS = 16;
const MAX_REQUESTS = 8;
const MAX_HEADER_BYTES = 16 * 1024;
/** Whoever sends more slowly is cut off; nobody on a socket of this machine needs longer. */
const PATIENCE: Patience = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };
/** An answer that is silent for longer is over. */
const SILENCE_MS = 300_000;
/** Of an answer, that pass as they are. */
const ANSWER_HEADERS = ['content-type', 'retry-after', 'x-amzn-errortype', 'x-amzn-requestid', 'request-id'];
/** In the place of a refusal that quotes the session. */
const QUOTING = '{"message":"the signature of the worker was refused"}';

interface Passing {
  options: DoorOptions;
  wire: Wire;
  hear: ReturnType<typeof createHearing>;
  /** Without a meter: something was asked, and there is no answer to read. */
  count(meter?: Meter): void;
}

export async function openDoor(options: DoorOptions): Promise<Door> {
  const { model, path, note } = options;
  const used = new Map<string, Omit<ClaimedUsage, 'block'>>();
  let isUnread = false;
  const count: Passing['count'] = (meter) => {
    const reading = meter?.end() ?? null;
    if (reading?.isWhole !== true) {
      isUnread = true;
      note(`${model} was asked, and nobody knows what that took`);
    }
    if (reading === null) return;
    const { served, isWhole, ...tokens } = reading;
    const before = used.get(served ?? '');
    used.set(served ?? '', {
      requested: model,
      ...(served === undefined ? {} : { served }),
      inputTokens: tokens.inputTokens + (before?.inputTokens ?? 0),
      outputTokens: tokens.outputTokens + (before?.outputTokens ?? 0),
      cachedTokens: tokens.cachedTokens + (before?.cachedTokens ?? 0),
    });
    const { inputTokens, cachedTokens, outputTokens } = tokens;
    const known = `${inputTokens} and ${cachedTokens} cached in, ${outputTokens} out`;
    note(`${model} answered as ${served ?? model}: ${isWhole ? '' : 'at least '}${known}`);
  };
  const passing: Passing = { options, wire: WIRES[options.adapter], hear: createHearing(), count };
  const open = new Set<Promise<void>>();
  const server = createServer(
    { ...(options.patience ?? PATIENCE), maxHeaderSize: MAX_HEADER_BYTES },
    (asked, answer) => {
      if (open.size >= MAX_REQUESTS) return void refuse(asked, answer, note, 'too much is asked at a time', true);
      const passed = pass(asked, answer, passing).catch(() => void answer.destroy());
      open.add(passed);
      void passed.finally(() => open.delete(passed));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path);
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await Promise.all(open);
      await closed;
      const none = { requested: model, inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
      return { usage: used.size === 0 ? [none] : [...used.values()], isUnread };
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** One that is busy is asked again. */
function refuse(
  asked: IncomingMessage,
  answer: ServerResponse,
  note: DoorOptions['note'],
  problem: string,
  isBusy: boolean,
): void {
  note(`a request to a model did not pass: ${problem}`);
  asked.resume();
  const more = isBusy ? { 'retry-after': '1' } : {};
  answer.writeHead(isBusy ? 503 : 403, { 'content-type': 'application/json', connection: 'close', ...more });
  answer.end(JSON.stringify({ message: `not let through by the worker: ${problem}` }));
}

async function pass(asked: IncomingMessage, answer: ServerResponse, passing: Passing): Promise<void> {
  const { options, wire, hear } = passing;
  const heard = await hear(asked);
  if ('problem' in heard) return refuse(asked, answer, options.note, heard.problem, heard.isBusy);
  try {
    const judged = judge(asked, heard.bytes, wire, options.model);
    if (typeof judged === 'string') return refuse(asked, answer, options.note, judged, false);
    await forward(asked, judged, answer, passing);
  } finally {
    heard.release();
  }
}

async function forward(
  asked: IncomingMessage,
  body: Buffer,
  answer: ServerResponse,
  { options, wire, hear, count }: Passing,
): Promise<void> {
  const { model, key, note } = options;
  const far = await ask(asked, body, options, wire, answer);
  if (far === 'unreachable' || far === 'silent') {
    // Who was reached may have done all the work.
    if (far === 'silent') count();
    else note(`${model} could not be reached`);
    answer.writeHead(502, { 'content-type': 'application/json' }).end('{"message":"the model cannot be reached"}');
    return;
  }
  const status = far.statusCode ?? 502;
  const kept = ANSWER_HEADERS.flatMap((name) => (far.headers[name] === undefined ? [] : [[name, far.headers[name]]]));
  answer.writeHead(status, Object.fromEntries(kept));
  if (status !== 200) {
    note(`${model} answered with the status ${status}`);
    if (!isSession(key)) return await pipeline(far, answer);
    const heard = await hear(far);
    answer.end(refusalWithout(key, heard));
    if ('release' in heard) heard.release();
    return;
  }
  const meter = wire.meter(String(far.headers['content-type']).startsWith('text/event-stream'));
  far.on('data', (part: Buffer) => meter.push(part));
  try {
    await pipeline(far, answer);
  } finally {
    // Also of an answer that was cut off, or that nobody waited for.
    count(meter);
  }
}

/**
 * What is sent on, or what is wrong with it, in words. It is written anew, since two parsers may take the same bytes for two
 * things, of which only one was judged.
 */
function judge(asked: IncomingMessage, bytes: Buffer, wire: Wire, model: string): Buffer | string {
  const [path = ''] = (asked.url ?? '').split('?');
  const body = objectIn(bytes);
  if (typeof body === 'string') return body;
  const named = asked.method === 'POST' ? wire.modelOf(path, body) : null;
  if (named === null) return 'it is another operation';
  if (named !== model) return 'it is for another model';
  return wire.problemOf(body) ?? Buffer.from(JSON.stringify(body));
}

function isSession(key: DoorOptions['key']): key is ModelSession {
  return typeof key === 'object' && key !== null;
}

/** Who finds a signature wrong says what should have been signed, the token too: no block is told that, and no log. */
function refusalWithout({ sessionToken }: ModelSession, heard: Heard): string {
  const said = 'bytes' in heard ? objectIn(heard.bytes) : {};
  const text = JSON.stringify(typeof said === 'string' ? {} : said);
  return text.includes(sessionToken) ? QUOTING : text;
}

/** The answer, once it begins, or why there is none. Nobody is redirected. */
async function ask(
  asked: IncomingMessage,
  body: Buffer,
  { url, key }: DoorOptions,
  wire: Wire,
  answer: ServerResponse,
): Promise<IncomingMessage | 'unreachable' | 'silent'> {
  const target = new URL(`${url}${asked.url ?? ''}`);
  // No operation that passes has a query, and what is signed has none.
  if (isSession(key)) target.search = '';
  const kept = Object.entries(wire.headers).flatMap(([name, keep]) => {
    const value = asked.headers[name];
    const passed = value === undefined ? '' : keep(String(value));
    return passed === '' ? [] : [[name, passed]];
  });
  const headers = {
    ...Object.fromEntries(kept),
    ...(typeof key === 'string' ? wire.keyHeaders(key) : {}),
    'content-type': 'application/json',
    // A meter reads what passes.
    'accept-encoding': 'identity',
    'content-length': body.length,
    ...(isSession(key) ? signedHeaders({ host: target.host, path: target.pathname, body }, key, Date.now()) : {}),
  };
  const send = target.protocol === 'https:' ? requestTls : requestPlain;
  return await new Promise((resolve) => {
    const far = send(target, { method: 'POST', headers, timeout: SILENCE_MS }, resolve);
    let isReached = false;
    far.once('socket', (socket) => {
      isReached = !socket.connecting;
      socket.once('connect', () => {
        isReached = true;
      });
    });
    far.once('timeout', () => far.destroy());
    far.once('close', () => resolve(isReached ? 'silent' : 'unreachable'));
    far.on('error', () => {});
    // A block that is gone asks no more.
    answer.once('close', () => far.destroy());
    far.end(body);
  });
}
