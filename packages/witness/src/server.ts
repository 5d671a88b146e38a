/** The witness's HTTP face: `POST /add-checkpoint`, `GET /`, and limits on everything that a stranger can send. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MAX_REQUEST_BYTES } from './add-checkpoint.ts';
import { openState, type WitnessState } from './state.ts';
import { type Answer, createWitness, logKeysOf, type Witness } from './witness.ts';
import { WitnessError } from './witness-error.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_CONNECTIONS = 256;
/** How often overdue connections are looked for. */
const CHECK_EVERY_MS = 500;

export interface WitnessSettings {
  /** Where key and state are kept; made at the first start. */
  directory: string;
  /** Key name, a URL without a schema by custom; needed at the first start. */
  name?: string;
  /** Verifier keys of the logs to witness. */
  logs: readonly string[];
  host?: string;
  /** 0, the default, takes any free port. */
  port?: number;
  nowMs?: () => number;
  /** For one request to arrive as a whole; its headers have half of it. */
  requestTimeoutMs?: number;
  /** Told about what went wrong inside, with nothing of a request in it. */
  onError?: (error: unknown) => void;
}

export interface RunningWitness {
  url: string;
  vkey: string;
  state: WitnessState;
  /** Cuts what is under way and closes the state. */
  stop(): Promise<void>;
}

/** Opens the state and listens. Throws WitnessError before anything listens, or the system's error when it cannot. */
export async function startWitness(settings: WitnessSettings): Promise<RunningWitness> {
  const { directory, name, logs, host = '127.0.0.1', port = 0, nowMs } = settings;
  const keys = logKeysOf(logs);
  const state = openState(directory, name);
  try {
    const server = serve(createWitness(state, keys, nowMs), settings);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve);
    });
    const { address, family, port: bound } = server.address() as AddressInfo;
    return {
      url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
      vkey: state.vkey,
      state,
      stop: () =>
        new Promise((resolve) => {
          server.close(() => {
            state.close();
            resolve();
          });
          server.closeAllConnections();
        }),
    };
  } catch (error) {
    state.close();
    throw error;
  }
}

function serve(witness: Witness, { requestTimeoutMs = REQUEST_TIMEOUT_MS, onError }: WitnessSettings): Server {
  const server = createServer(
    {
      headersTimeout: requestTimeoutMs / 2,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      respond(witness, request).then(
        (answer) => end(response, answer),
        (error: unknown) => {
          onError?.(error);
          // Nothing is told of a failure inside; what was not stored was not signed, so that the client may try again.
          end(response, plain(error instanceof WitnessError ? 503 : 500));
        },
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function respond(witness: Witness, request: IncomingMessage): Promise<Answer> {
  if (request.url === '/' && request.method === 'GET') {
    const body = `${JSON.stringify(witness.status(), null, 2)}\n`;
    return { status: 200, contentType: 'application/json', body };
  }
  if (request.url !== '/add-checkpoint') return plain(request.url === '/' ? 405 : 404);
  if (request.method !== 'POST') return plain(405);
  const body = await readBody(request);
  return body === null ? plain(413) : witness.addCheckpoint(body);
}

/** Null when the body is longer than any request can be; the rest of it is not read. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | null> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_REQUEST_BYTES) return null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > MAX_REQUEST_BYTES) resolve(null);
      else chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => resolve(null));
  });
}

function plain(status: number): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: '' };
}

/** What is left of a refused body is not read: the connection ends with the answer. */
function end(response: ServerResponse, { status, contentType, body }: Answer): void {
  if (!response.req.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
}
