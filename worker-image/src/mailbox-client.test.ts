import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import { bodyOf, getBytes, put } from './mailbox-client.ts';

async function withServer(answer: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('mailbox client:', () => {
  it('sends one length, known beforehand, and a condition only where the object is write-once', async () => {
    const seen: unknown[] = [];
    await withServer(
      (request, response) => {
        const { 'content-length': length, 'if-none-match': condition, 'transfer-encoding': coding } = request.headers;
        seen.push([length, condition, coding]);
        request.resume().on('end', () => response.end());
      },
      async (url) => {
        await put(url, bodyOf(Buffer.from('hello')), true);
        await put(url, bodyOf(Buffer.from('')), false);
      },
    );
    assert.deepEqual(seen, [
      ['5', '*', undefined],
      ['0', undefined, undefined],
    ]);
  });

  it('tries again after what may pass, sends the body again from its start, and takes 412 for its own earlier try', async () => {
    const bodies: string[] = [];
    await withServer(
      async (request, response) => {
        bodies.push(Buffer.concat(await Array.fromAsync(request)).toString());
        if (bodies.length === 1) return request.socket.destroy();
        response.writeHead(bodies.length === 2 ? 503 : 412).end();
        return undefined;
      },
      (url) => put(url, bodyOf(Buffer.from('hello')), true),
    );
    assert.deepEqual(bodies, ['hello', 'hello', 'hello']);
  });

  for (const [status, code] of [
    [404, 'OBJECT_MISSING'],
    [403, 'OBJECT_MISSING'],
    [413, 'OBJECT_TOO_LARGE'],
    [400, 'OBJECT_CONFLICT'],
    [412, 'OBJECT_CONFLICT'],
  ] as const) {
    it(`${status} is final: ${code}, after one request, without the URL in the message`, async () => {
      let requests = 0;
      await withServer(
        (_, response) => {
          requests += 1;
          response.writeHead(status).end();
        },
        async (url) => {
          await assert.rejects(
            getBytes(url, 10),
            (error) => error instanceof WaybillError && error.code === code && !error.message.includes('secret-path'),
          );
        },
      );
      assert.equal(requests, 1);
    });
  }

  for (const [status, said, code, requests] of [
    [400, '<Error><Code>ExpiredToken</Code></Error>', 'OBJECT_MISSING', 1],
    [400, '<Error><Code>InvalidDigest</Code></Error>', 'OBJECT_CONFLICT', 1],
    [400, '<Error><Code>RequestTimeout</Code></Error>', null, 2],
    [409, '<Error><Code>ConditionalRequestConflict</Code></Error>', null, 2],
  ] as const) {
    it(`${status} with ${/<Code>(\w+)/.exec(said)?.[1]} is ${code ?? 'tried again'}`, async () => {
      let seen = 0;
      await withServer(
        (request, response) => {
          seen += 1;
          request.resume().on('end', () => response.writeHead(seen === 1 ? status : 200).end(seen === 1 ? said : ''));
        },
        async (url) => {
          const putting = put(url, bodyOf(Buffer.from('hello')), true);
          if (code === null) await putting;
          else await assert.rejects(putting, (error) => error instanceof WaybillError && error.code === code);
        },
      );
      assert.equal(seen, requests);
    });
  }

  it('stops reading what is larger than allowed', async () => {
    await withServer(
      (_, response) => response.end('x'.repeat(11)),
      async (url) => {
        await assert.rejects(
          getBytes(url, 10),
          (error) => error instanceof WaybillError && error.code === 'OBJECT_TOO_LARGE',
        );
        assert.equal((await getBytes(url, 11)).length, 11);
      },
    );
  });
});
