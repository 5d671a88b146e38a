import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Callbacks } from '#ports/callbacks.ts';
import { createHttpCallbacks } from './callbacks.ts';

const KEY = Buffer.from('k'.repeat(32));
const NOW_MS = 1_800_000_000_500;
const BODY = new TextEncoder().encode('{"v":1}');
const PAGE = new URL('../../../docs/formats/callback.md', import.meta.url);

interface Heard {
  request: IncomingMessage;
  body: Buffer;
}

/** Tells whoever listens, which answers as it is told. */
async function told(
  answer: RequestListener,
  use: (callbacks: Callbacks, heard: Heard[]) => Promise<void>,
  timeoutMs = 5_000,
): Promise<void> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      heard.push({ request, body: Buffer.concat(parts) });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?of=ops`);
  try {
    const callbacks = createHttpCallbacks(new Map([['ops', { url, key: KEY }]]), { nowMs: () => NOW_MS }, timeoutMs);
    await use(callbacks, heard);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const answering =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end('something private');

/** The sample of the page about the format, as it stands there. */
async function sample(): Promise<{
  isOurs: (header: string, body: Uint8Array, key: Uint8Array, at: number) => boolean;
}> {
  const code = /```js\n([\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8'))?.[1] ?? assert.fail('there is no sample');
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

test('callbacks over http: what is sent is the exact bytes, once, with a signature that the sample of the format takes', async () => {
  const { isOurs } = await sample();
  await told(answering(204), async (callbacks, heard) => {
    const delivery = await callbacks.send('ops', BODY);
    assert.deepEqual(delivery, { state: 'delivered', detail: 'it was answered with 204' });
    const [one, ...others] = heard;
    assert.ok(one !== undefined && others.length === 0);
    assert.deepEqual([one.request.method, one.request.url], ['POST', '/hook?of=ops']);
    assert.deepEqual(one.body, Buffer.from(BODY));
    const header = String(one.request.headers['waybill-signature']);
    const at = Math.floor(NOW_MS / 1_000);
    assert.equal(isOurs(header, one.body, KEY, at + 299), true);
    assert.equal(isOurs(header, one.body, KEY, at + 301), false, 'told again later');
    assert.equal(isOurs(header, one.body, KEY, at - 301), false, 'of another time');
    assert.equal(isOurs(header, Buffer.from('{"v":2}'), KEY, at), false, 'of another body');
    assert.equal(isOurs(header, one.body, Buffer.from('o'.repeat(32)), at), false, 'by another key');
    assert.equal(isOurs(header.replace(/t=\d+/, `t=${at + 1}`), one.body, KEY, at), false, 'with another time');
    assert.equal(isOurs('v1=', one.body, KEY, at), false, 'without a time');
  });
});

test('callbacks over http: nobody is followed elsewhere, and of an answer nothing is kept but its status', async () => {
  for (const status of [301, 307, 404, 500]) {
    await told(answering(status, { location: '/elsewhere' }), async (callbacks, heard) => {
      const delivery = await callbacks.send('ops', BODY);
      assert.deepEqual(delivery, { state: 'undelivered', detail: `it was answered with ${status}` });
      assert.equal(heard.length, 1);
    });
  }
});

test('callbacks over http: an answer whose body never ends is an answer', async () => {
  await told(
    (_request, response) => void response.writeHead(200).flushHeaders(),
    async (callbacks) => {
      assert.deepEqual(await callbacks.send('ops', BODY), { state: 'delivered', detail: 'it was answered with 200' });
    },
    2_000,
  );
});

test('callbacks over http: of who does not answer nobody knows, and who is not there was told nothing', async () => {
  await told(
    () => {},
    async (callbacks) => {
      assert.deepEqual(await callbacks.send('ops', BODY), {
        state: 'unknown',
        detail: 'nothing was answered within 0.2 seconds',
      });
    },
    200,
  );
  await told(
    (request) => void request.socket.destroy(),
    async (callbacks) => {
      assert.deepEqual(await callbacks.send('ops', BODY), {
        state: 'unknown',
        detail: 'nothing was answered: ECONNRESET',
      });
    },
  );
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(closed.address() as AddressInfo).port}/`);
  await new Promise((resolve) => closed.close(resolve));
  const callbacks = createHttpCallbacks(new Map([['ops', { url, key: KEY }]]), { nowMs: () => NOW_MS });
  assert.deepEqual(await callbacks.send('ops', BODY), {
    state: 'undelivered',
    detail: 'there was no connection: ECONNREFUSED',
  });
  assert.equal((await callbacks.send('gone', BODY)).state, 'undelivered');
});
