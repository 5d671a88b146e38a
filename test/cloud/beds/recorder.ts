/**
 * Stands in front of the emulator: every call passes unchanged (the signed Host header too) and is written down. It says of
 * every call that it came over TLS, as policies demand: on loopback nobody listens.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call as its caller sent it. */
export interface RecordedCall {
  atMs: number;
  elapsedMs: number;
  status: number;
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Empty for object bodies: only the JSON, query and XML protocols tell in their body what they ask for. */
  body: string;
  requestBytes: number;
  responseBytes: number;
  /** What the service said: of refusals, and of sessions that it opened. */
  answer: string;
}

/** One call with all that was said, objects included; nothing of it is kept. */
export interface WholeCall {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  answer: Buffer;
}

/** From now on, until what it returns is called. */
export type WatchCalls = (see: (call: WholeCall) => void) => () => void;

export interface Recorder {
  url: string;
  calls: RecordedCall[];
  watch: WatchCalls;
  stop(): Promise<void>;
}

const KEPT_BYTES = 256 * 1024;
/** Of these the body tells what is asked for; a deletion of many objects is told in XML. */
const DOCUMENT = /json|x-www-form-urlencoded|xml/;

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')]),
  );
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** The raw headers but those of one hop. `expect` is answered here: the body is complete before it goes on. */
function onward(incoming: IncomingMessage, length: number): string[] {
  const kept: string[] = [];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const name = incoming.rawHeaders[at] ?? '';
    if (/^(connection|transfer-encoding|expect|content-length)$/i.test(name)) continue;
    kept.push(name, incoming.rawHeaders[at + 1] ?? '');
  }
  kept.push('X-Forwarded-Proto', 'https');
  if (length > 0 || /^(PUT|POST)$/.test(incoming.method ?? '')) kept.push('Content-Length', String(length));
  return kept;
}

/** @param port where the emulator listens */
export async function startRecorder(port: number): Promise<Recorder> {
  const calls: RecordedCall[] = [];
  const watching = new Set<(call: WholeCall) => void>();
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const atMs = Date.now();
    const started = performance.now();
    const body = await bytesOf(incoming);
    const up = request({
      host: '127.0.0.1',
      port,
      agent,
      method: incoming.method,
      path: incoming.url,
      headers: onward(incoming, body.length),
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => up.on('response', resolve).on('error', reject));
    up.end(body);
    const response = await answered;
    const answer = await bytesOf(response);
    const status = response.statusCode ?? 0;
    const headers = flat(incoming.headers);
    calls.push({
      atMs,
      elapsedMs: performance.now() - started,
      status,
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers,
      body: DOCUMENT.test(headers['content-type'] ?? '') && body.length <= KEPT_BYTES ? body.toString() : '',
      requestBytes: body.length,
      responseBytes: answer.length,
      answer: status >= 400 || body.includes('Action=AssumeRole') ? answer.subarray(0, 4096).toString() : '',
    });
    for (const see of watching) see({ method: incoming.method ?? '', url: incoming.url ?? '', headers, body, answer });
    outgoing.writeHead(
      status,
      response.rawHeaders.filter((_, at, all) => !/^(transfer-encoding|connection)$/i.test(all[at - (at % 2)] ?? '')),
    );
    outgoing.end(answer);
  }

  const server = createServer({ keepAliveTimeout: 75_000 }, (incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    watch(see) {
      watching.add(see);
      return () => void watching.delete(see);
    },
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
