/** Requests of plain HTTP: what they are for, read strictly, and passed on written anew, one on each connection. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { request } from '../node-http.ts';

/** Of one connection, not of the message; and what a proxy is told. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);
/** By these whoever reads on finds the server and the end of the message: nothing that a message says of itself takes them away. */
const FRAMING: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding']);

const ABSOLUTE = /^http:\/\/([^/?#@:[\]\s\\]+)(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)$/i;
/** An address of version 6 is read as one, so that the record names it. */
const AUTHORITY = /^([^/?#@:[\]\s\\]+|\[[0-9a-f:.]+\]):([0-9]{1,5})$/i;
const ADDRESS_6 = /^http:\/\/(\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!-~]*)?$/i;

interface Target {
  /** In lower case. */
  host: string;
  port: number;
}

/** What a request is for; null where it does not say so, or says two things. */
export function targetOf(asked: IncomingMessage): (Target & { path: string }) | null {
  const [, host = '', port = '80', path = ''] = ABSOLUTE.exec(asked.url ?? '') ?? ADDRESS_6.exec(asked.url ?? '') ?? [];
  const target = { host: host.toLowerCase(), port: Number(port) };
  // Another coding would be taken off here by nobody, and be lost on the way.
  if (!['chunked', undefined].includes(asked.headers['transfer-encoding']?.toLowerCase())) return null;
  if (host === '' || !isSaidAlike(asked, target, 80)) return null;
  return { ...target, path: path.startsWith('/') ? path : `/${path}` };
}

/** What a tunnel is for; null as above. */
export function authorityOf(asked: IncomingMessage): Target | null {
  const [, host = '', port = ''] = AUTHORITY.exec(asked.url ?? '') ?? [];
  const target = { host: host.toLowerCase(), port: Number(port) };
  return host !== '' && isSaidAlike(asked, target, Number(port)) ? target : null;
}

/** Whoever reads it further on goes by one of the two. */
function isSaidAlike({ rawHeaders }: IncomingMessage, { host, port }: Target, implied: number): boolean {
  const said = rawHeaders.filter((_, n) => n % 2 === 1 && rawHeaders[n - 1]?.toLowerCase() === 'host');
  const alike = [`${host}:${port}`, ...(port === implied ? [host] : [])];
  return said.length === 1 && alike.includes(said[0]?.toLowerCase() ?? '');
}

/** Never throws: whichever end goes away, the other is told. */
export async function passRequest(
  asked: IncomingMessage,
  answer: ServerResponse,
  path: string,
  far: Socket,
): Promise<void> {
  const onward = request({
    createConnection: () => far,
    method: asked.method ?? 'GET',
    path,
    setHost: false,
    headers: [...endToEnd(asked), 'connection', 'close'],
  });
  answer.once('close', () => far.destroy());
  const answered = new Promise<IncomingMessage | null>((resolve) => {
    onward.once('response', resolve);
    onward.once('error', () => resolve(null));
    onward.once('close', () => resolve(null));
  });
  pipeline(asked, onward).catch(() => far.destroy());
  const reply = await answered;
  if (reply === null)
    return void (answer.headersSent ? answer.destroy() : answer.writeHead(502, { connection: 'close' }).end());
  answer.writeHead(reply.statusCode ?? 502, [...endToEnd(reply), 'connection', 'close']);
  await pipeline(reply, answer).catch(() => answer.destroy());
}

function endToEnd({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return rawHeaders.filter((_, n) => {
    const name = (rawHeaders[n - (n % 2)] ?? '').toLowerCase();
    return FRAMING.has(name) || (!HOP_BY_HOP.has(name) && !named.includes(name));
  });
}
