/** The HTTP face of a mailbox: two path segments in, GET, PUT or DELETE of one object, and nothing else. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { WaybillError } from '@waybill/client/errors';

export interface MailboxObject {
  get?(): Promise<AsyncIterable<Uint8Array> | Uint8Array>;
  /** Resolves with whether the body was kept, once it is durable; false means that an earlier one stands. */
  put?(body: AsyncIterable<Uint8Array> | Uint8Array): Promise<boolean>;
  /** What is not there is taken away already. */
  delete?(): Promise<void>;
}

/** No decoding: a path with an escape, a query or a third segment names nothing. */
const PATH = /^\/([0-9a-f]{32})\/([a-z0-9-]{1,20})$/;

/** A body that says to be no longer is taken whole: a stream takes longer to be read than that to arrive. */
const WHOLE_BYTES = 64 * 1024;

const STATUS_BY_CODE: Partial<Record<string, number>> = {
  OBJECT_TOO_LARGE: 413,
  RESULT_INVALID: 400,
  OBJECT_MISSING: 404,
};

export function serveMailbox(find: (secret: string, name: string) => MailboxObject | null): RequestListener {
  return (request, response) => {
    answer(find, request, response).catch((error: unknown) => {
      // Nothing of the error is told to a worker; an answer that has begun is cut so that it cannot pass for a whole one.
      if (response.headersSent) response.destroy();
      else end(response, error instanceof WaybillError ? (STATUS_BY_CODE[error.code] ?? 500) : 500);
    });
  };
}

async function answer(
  find: (secret: string, name: string) => MailboxObject | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, secret = '', name = ''] = PATH.exec(request.url ?? '') ?? [];
  const object = find(secret, name);
  if (object === null) return end(response, 404);
  if (request.method === 'GET' && object.get !== undefined) {
    const bytes = await object.get();
    const headers = { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' };
    if (!(bytes instanceof Uint8Array)) return pipeline(bytes, response.writeHead(200, headers));
    response.writeHead(200, { ...headers, 'content-length': bytes.byteLength }).end(bytes);
    return;
  }
  if (request.method === 'PUT' && object.put !== undefined) {
    return end(response, (await object.put(await bodyOf(request))) ? 200 : 412);
  }
  if (request.method === 'DELETE' && object.delete !== undefined) {
    await object.delete();
    return end(response, 204);
  }
  return end(response, 405);
}

/** Rejects when the connection breaks off before a body is whole. */
function bodyOf(request: IncomingMessage): Promise<Uint8Array> | IncomingMessage {
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (!(announced <= WHOLE_BYTES)) return request;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(new RangeError('a body broke off')));
  });
}

/** What is left of a refused body is not read: the connection ends with the answer. */
function end(response: ServerResponse, status: number): void {
  if (!response.req.complete) response.setHeader('connection', 'close');
  // Without a length it would be sent in parts, of which there are none.
  if (status === 204) response.writeHead(status).end();
  else response.writeHead(status, { 'content-length': 0 }).end();
}
