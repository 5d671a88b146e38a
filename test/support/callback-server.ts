/** Somebody who is told of the end of runs: keeps what came, and answers as it is told. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Heard {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface CallbackServer {
  /** Without a path. */
  url: string;
  heard: Heard[];
  close(): Promise<void>;
}

/** An address of this machine that is not called `localhost`: the emulator of the bed speaks no TLS to that. */
export const TLS_HOST = '127.0.0.2';

/** @param identity PEM, for one that is reached by TLS, at `TLS_HOST` */
export async function callbackServer(
  statusOf: (path: string) => number,
  identity?: { key: string; cert: string },
): Promise<CallbackServer> {
  const heard: Heard[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const path = request.url ?? '';
      heard.push({ path, headers: request.headers, body });
      response.writeHead(statusOf(path), { location: `${path}/elsewhere` }).end('something private');
    });
  };
  const server = identity === undefined ? createServer(listener) : createSecureServer(identity, listener);
  const host = identity === undefined ? '127.0.0.1' : TLS_HOST;
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${identity === undefined ? 'http' : 'https'}://${host}:${port}`,
    heard,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As docs/formats/callback.md says it, by whoever has the key. */
export function isSignedBy(key: Uint8Array, { headers, body }: Heard): boolean {
  const [, seconds = '', mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['waybill-signature'])) ?? [];
  return mac === createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex');
}
