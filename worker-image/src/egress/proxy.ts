/**
 * The way out of a sandbox: a proxy on a Unix socket, opened by the wrapper for one block. It carries TLS to the server that the
 * block names to it and to TLS alike (CONNECT), and plain HTTP; nothing else. Every connection is judged here by its name and
 * then by its address, and counted.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EgressRefusal } from '@waybill/verify';
import { createServer } from '../node-http.ts';
import { Carried } from './carried.ts';
import { HelloReader } from './client-hello.ts';
import { authorityOf, passRequest, targetOf } from './plain-http.ts';
import { type Lists, type Outside, reach, refusalOf } from './reach.ts';
import type { EgressTally, Target } from './tally.ts';

export interface ProxyOptions {
  lists: Lists;
  /** Place of the block in its pipeline. */
  block: number;
  /** Where it listens. */
  path: string;
  tally: EgressTally;
  outside: Outside;
  /** Of all its connections together, both ways. */
  mostBytes: number;
  /** For the head of a request, and for the first message of TLS; whoever sends more slowly is cut off. Default: ten seconds. */
  headMs?: number;
  /** Most of the head of a request. Default: 16 KiB. */
  headerBytes?: number;
  /** A connection on which nothing moves for longer is over. Default: five minutes. */
  silenceMs?: number;
  /** What of a host's name may be said and recorded: all of it, or something in its place. */
  shown(host: string): string;
  /** Told of each connection, in a line without line feeds. */
  note(line: string): void;
}

export interface Proxy {
  /** Ends what is under way, too. */
  close(): Promise<void>;
}

/** At a time. */
export const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 16 * 1024;
const HEAD_MS = 10_000;
const READABLE = /^[!-~]{1,253}$/;
const SILENCE_MS = 300_000;

export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const carried = new Carried(options.mostBytes);
  const near = new Set<Socket>();
  const slow = { headersTimeout: options.headMs ?? HEAD_MS, requestTimeout: 0, connectionsCheckingInterval: 1_000 };
  const server = createServer({ ...slow, maxHeaderSize: options.headerBytes ?? MAX_HEADER_BYTES }, (asked, answer) => {
    serve(asked, answer, options, carried).catch(() => answer.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('drop', () => refused({}, 'busy', options));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // One that only goes away has asked nothing.
    if (error.code !== 'ECONNRESET')
      refused({}, error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'slow' : 'malformed', options);
    socket.destroy();
  });
  server.on('connection', (socket) => {
    near.add(socket);
    socket.setTimeout(options.silenceMs ?? SILENCE_MS, () => socket.destroy());
    socket.once('close', () => near.delete(socket));
  });
  server.on('connect', (asked, socket, head) => {
    socket.on('error', () => socket.destroy());
    void tunnel(asked, socket, head, options, carried).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.path, resolve);
  });
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of near) socket.destroy();
      await carried.end();
      await closed;
    },
  };
}

function refused({ host, ...target }: Target, why: EgressRefusal, { block, tally, note, shown }: ProxyOptions): void {
  // Looked at as a whole: a part of what may not be said would be said as well. What is no ASCII is read here byte by byte, as nobody means it.
  const name = host !== undefined && READABLE.test(host) ? shown(host) : null;
  tally.refuse(block, name === null ? target : { host: name, ...target }, why);
  note(`not let out: ${JSON.stringify(name)}, port ${target.port ?? 'unknown'}: ${why}`);
}

/** Of plain HTTP. A path alone, as one asks a server, asks this one, which has nothing. */
async function serve(
  asked: IncomingMessage,
  answer: ServerResponse,
  options: ProxyOptions,
  carried: Carried,
): Promise<void> {
  const target = targetOf(asked);
  const far = target === null ? 'malformed' : await open(target, options, carried);
  if (target === null || typeof far === 'string') {
    const why = typeof far === 'string' ? far : 'malformed';
    refused(target ?? {}, why, options);
    asked.resume();
    answer.writeHead(statusOf(why), { 'content-type': 'text/plain', connection: 'close' });
    return void answer.end(textOf(why));
  }
  carried.bound(asked);
  await passRequest(asked, answer, target.path, far);
}

async function tunnel(
  asked: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: ProxyOptions,
  carried: Carried,
): Promise<void> {
  const target = authorityOf(asked);
  // Its name is judged before anything is looked up, and by TLS before anything is carried.
  const problem = target === null ? 'malformed' : problemOf(target, options, carried);
  if (target === null || problem !== null) return deny(socket, target ?? {}, problem ?? 'malformed', options);
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  const hello = await firstMessage(socket, head, options.headMs ?? HEAD_MS);
  if (typeof hello === 'string' || hello.name !== target.host) {
    refused(target, typeof hello === 'string' ? hello : 'other_name', options);
    return void socket.destroy();
  }
  const far = await open(target, options, carried);
  if (typeof far === 'string') {
    refused(target, far, options);
    return void socket.destroy();
  }
  if (socket.destroyed) return void far.destroy();
  far.write(hello.bytes);
  carried.both(socket, far);
}

function deny(socket: Duplex, target: Target, why: EgressRefusal, options: ProxyOptions): void {
  refused(target, why, options);
  const text = textOf(why);
  socket.end(
    `HTTP/1.1 ${statusOf(why)} Refused\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
  );
}

function problemOf({ host, port }: Required<Target>, { lists }: ProxyOptions, carried: Carried): EgressRefusal | null {
  return refusalOf(host, port, lists) ?? (carried.isSpent() ? 'over_bytes' : null);
}

async function open(
  target: Required<Target>,
  options: ProxyOptions,
  carried: Carried,
): Promise<Socket | EgressRefusal> {
  const { host, port } = target;
  const problem = problemOf(target, options, carried);
  if (problem !== null) return problem;
  // Those who ask are not as many as they ask for: one asks twice, or goes away while it is connected.
  if (carried.count() >= MAX_CONNECTIONS) return 'busy';
  const far = await carried.opening(reach(host, port, options.outside));
  if (typeof far === 'string') return far;
  const name = options.shown(host);
  options.note(`let out to ${name}:${port}`);
  far.setTimeout(options.silenceMs ?? SILENCE_MS, () => far.destroy());
  carried.take(far, options.tally.passed(options.block, { host: name, port }));
  return far;
}

/** Resolves with the bytes so far, of which nothing was carried anywhere, and the name that they say. */
async function firstMessage(
  socket: Duplex,
  head: Buffer,
  headMs: number,
): Promise<{ name: string; bytes: Buffer } | EgressRefusal> {
  const reader = new HelloReader();
  return await new Promise((resolve) => {
    const end = (found: { name: string; bytes: Buffer } | EgressRefusal): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', gone).off('end', gone);
      socket.pause();
      resolve(found);
    };
    const take = (part: Buffer): void => {
      const hello = reader.take(part);
      if (hello !== 'more') end(hello);
    };
    const gone = (): void => end('not_tls');
    const timer = setTimeout(end, headMs, 'slow');
    socket.on('data', take).once('close', gone).once('end', gone);
    take(head);
  });
}

/** What could not be reached may be there later. */
function statusOf(why: EgressRefusal): number {
  return why === 'unreachable' ? 502 : why === 'malformed' ? 400 : 403;
}

function textOf(why: EgressRefusal): string {
  return `not let out by the worker: ${why}\n`;
}
