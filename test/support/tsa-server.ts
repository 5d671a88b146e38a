/** A time-stamping authority over HTTP on the loopback interface: `openssl ts -reply` behind a few lines of Node. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CA_EXTENSIONS, DEFAULT_POLICY, OpensslAuthority, TSA_EXTENSIONS } from './openssl-authority.ts';

export interface TimestampServer {
  url: string;
  /** What an auditor pins: the certificate of the root. */
  rootDer: Uint8Array;
  policy: string;
  /** Requests so far. */
  requests(): number;
  stop(): Promise<void>;
}

export interface Exchange {
  query: Buffer;
  /** The honest answer to this or another query. */
  stamp(query: Uint8Array): Buffer;
}

/** Answers every request honestly, or as `misbehave` does: late, wrongly or never. */
export async function startTimestampServer(
  misbehave?: (exchange: Exchange, response: ServerResponse) => void,
): Promise<TimestampServer> {
  const authority = new OpensslAuthority();
  const root = authority.certify('Root', { extensions: CA_EXTENSIONS });
  const signer = authority.certify('TSA', { by: root, extensions: TSA_EXTENSIONS });
  const stamp = (query: Uint8Array): Buffer =>
    authority.reply(query, { signer, fractionDigits: 3, accuracy: 'secs:1' });
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    void readBody(request).then((query) => {
      if (misbehave !== undefined) return misbehave({ query, stamp }, response);
      response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(stamp(query));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`,
    rootDer: root.der,
    policy: DEFAULT_POLICY,
    requests: () => requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      authority.close();
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
