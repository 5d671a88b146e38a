/** The bounds of a way out: whoever is beyond one is cut off, and whoever is below it is not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { MAX_CONNECTIONS, openProxy, type ProxyOptions } from './proxy.ts';
import type { Outside } from './reach.ts';
import { EgressTally } from './tally.ts';

const HOST = 'registry.example.org';
const MOST_BYTES = 256 * 1024;
const CHUNK = Buffer.alloc(64 * 1024);
const FLOOD = 128 * CHUNK.length;
/** What is under way when the bound is seen to be reached. */
const SLACK = 2 * CHUNK.length;
const HEAD_MS = 1_000;
const SILENCE_MS = 500;
const TOO_LONG_MS = 10_000;
const HEADER_BYTES = 4 * 1024;
const CONNECT = `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`;
const post = (bytes: number): string =>
  `POST http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${bytes}\r\n\r\n`;

interface Spoken {
  socket: Socket;
  told(): string;
  closed: Promise<unknown>;
}

interface Way {
  tally: EgressTally;
  /** What the servers outside have been sent. */
  far: { bytes: number };
  speak(text: string): Spoken;
}

/** @param serve what is outside */
async function wayOut(
  t: TestContext,
  serve: (far: Socket) => void,
  { resolve = async () => ['93.184.216.34'], ...more }: Partial<ProxyOptions & Pick<Outside, 'resolve'>> = {},
): Promise<Way> {
  const far = { bytes: 0 };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (part) => {
      far.bytes += part.length;
    });
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const directory = mkdtempSync(join(tmpdir(), 'way-'));
  const [path, tally] = [join(directory, 'way.sock'), new EgressTally()];
  const lists = { ask: [HOST], allow: [HOST], deny: [] };
  const outside = { resolve, connect: () => connect({ port, host: '127.0.0.1' }) };
  const bounds = { mostBytes: MOST_BYTES, ...more };
  const proxy = await openProxy({
    lists,
    block: 0,
    path,
    tally,
    outside,
    shown: (host) => host,
    note: () => {},
    ...bounds,
  });
  t.after(async () => {
    await proxy.close();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const speak = (text: string): Spoken => {
    const socket = connect(path);
    let told = '';
    socket.on('data', (part) => {
      told += part.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write(text);
    return { socket, told: () => told, closed: new Promise((resolve) => socket.once('close', resolve)) };
  };
  return { tally, far, speak };
}

/** One that is open: what it begins with has been answered. */
async function tunnel({ speak }: Way): Promise<Spoken> {
  const spoken = speak(CONNECT);
  await once(spoken.socket, 'data');
  spoken.socket.write(await firstMessage());
  await once(spoken.socket, 'data');
  return spoken;
}

async function firstMessage(): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ port, host: '127.0.0.1', servername: HOST }).on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return bytes;
}

/** As fast as it is taken, until all is sent or nobody takes it any more. */
async function pour(socket: Socket, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && !socket.destroyed; sent += CHUNK.length) {
    if (socket.write(CHUNK)) continue;
    await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
  }
}

const says = (far: Socket): unknown => far.on('data', () => far.write('heard'));
const answerWhen = (bytes: number) => (far: Socket) => {
  let heard = 0;
  far.on('data', (part) => {
    heard += part.length;
    if (heard > bytes) far.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
};
const ends = ({ tally }: Way): (string | undefined)[] =>
  (tally.claimed()?.seen ?? []).flatMap(({ refused, connections }) => Array(connections).fill(refused));

describe('a way out:', () => {
  it('an upload by plain HTTP ends at the bound, and what follows is refused; below it one arrives', async (t) => {
    const below = await wayOut(t, answerWhen(2 * CHUNK.length));
    const small = below.speak(post(2 * CHUNK.length));
    await pour(small.socket, 2 * CHUNK.length);
    await small.closed;
    assert.match(small.told(), /^HTTP\/1\.1 200 /);
    assert.deepEqual(ends(below), [undefined]);

    const beyond = await wayOut(t, () => {});
    const large = beyond.speak(post(FLOOD));
    await pour(large.socket, FLOOD);
    await large.closed;
    assert.ok(beyond.far.bytes < MOST_BYTES + SLACK, `${beyond.far.bytes}`);
    const next = beyond.speak(post(0));
    await next.closed;
    assert.match(next.told(), /not let out by the worker: over_bytes/);
    assert.deepEqual(ends(beyond), [undefined, 'over_bytes']);
  });

  it('an upload through a tunnel ends at the bound', async (t) => {
    const way = await wayOut(t, says);
    const { socket, closed } = await tunnel(way);
    await pour(socket, FLOOD);
    await closed;
    assert.ok(way.far.bytes < MOST_BYTES + SLACK, `${way.far.bytes}`);
    const next = way.speak(CONNECT);
    await next.closed;
    assert.match(next.told(), /not let out by the worker: over_bytes/);
    assert.deepEqual(ends(way), [undefined, 'over_bytes']);
  });

  for (const [what, flood, refused] of [
    ['of more than that is cut off', FLOOD, [undefined, 'over_bytes']],
    ['of less arrives', CHUNK.length, [undefined, undefined]],
  ] as const) {
    it(`an answer ${what}`, async (t) => {
      const way = await wayOut(t, (far) => {
        far.write(`HTTP/1.1 200 OK\r\nContent-Length: ${flood}\r\n\r\n`);
        void pour(far, flood);
      });
      const { told, closed } = way.speak(post(0));
      await closed;
      assert.ok(told().length < MOST_BYTES + SLACK);
      await way.speak(post(0)).closed;
      assert.deepEqual(ends(way), refused);
    });
  }

  it('one connection more than there may be at a time is refused, and none when one of them is over', async (t) => {
    const way = await wayOut(t, answerWhen(0));
    const open = [];
    for (let n = 0; n < MAX_CONNECTIONS; n += 1) {
      const spoken = way.speak(CONNECT);
      await once(spoken.socket, 'data');
      open.push(spoken);
    }
    assert.deepEqual(ends(way), []);
    const more = way.speak(post(0));
    await more.closed;
    assert.equal(more.told(), '');
    assert.deepEqual(ends(way), ['busy']);
    const [first] = open;
    first?.socket.end();
    await first?.closed;
    const next = way.speak(post(0));
    await next.closed;
    assert.match(next.told(), /^HTTP\/1\.1 200 /);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['half a head', `CONNECT ${HOST}:443 HTT`],
    ['half a first message of TLS', `${CONNECT}\x16\x03`],
  ] as const) {
    it(`whoever says ${what} is cut off in the end, and whoever said all may be silent for longer`, async (t) => {
      const way = await wayOut(t, says, { headMs: HEAD_MS });
      const whole = await tunnel(way);
      const slow = way.speak(text);
      await slow.closed;
      assert.deepEqual(ends(way), [undefined, 'slow']);
      whole.socket.write('more');
      assert.equal(String((await once(whole.socket, 'data'))[0]), 'heard');
    });
  }

  for (const [what, open] of [
    ['a tunnel', tunnel],
    ['a request of plain HTTP', async ({ speak }: Way) => speak(post(1_000))],
  ] as const) {
    it(`${what} on which nothing moves is over, and one on which little moves is not`, async (t) => {
      const way = await wayOut(t, (far) => far.once('data', () => far.write('HTTP/1.1 100 Continue\r\n\r\n')), {
        silenceMs: SILENCE_MS,
      });
      const [silent, busy] = [await open(way), await open(way)];
      let isOver = false;
      void busy.closed.then(() => {
        isOver = true;
      });
      const ticking = setInterval(() => busy.socket.write('.'), SILENCE_MS / 10);
      await silent.closed;
      await sleep(SILENCE_MS);
      assert.equal(isOver, false);
      clearInterval(ticking);
      await busy.closed;
      assert.deepEqual(ends(way), [undefined, undefined]);
    });
  }

  it('a head of more bytes than there may be is refused, and one of less is not', async (t) => {
    const way = await wayOut(t, answerWhen(0), { headerBytes: HEADER_BYTES });
    const headed = (bytes: number): Spoken =>
      way.speak(`GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\nX-Long: ${'x'.repeat(bytes)}\r\n\r\n`);
    const [below, beyond] = [headed(HEADER_BYTES - 256), headed(HEADER_BYTES)];
    await Promise.all([below.closed, beyond.closed]);
    assert.match(below.told(), /^HTTP\/1\.1 200 /);
    assert.equal(beyond.told(), '');
    assert.deepEqual(ends(way).toSorted(), ['malformed', undefined]);
  });

  for (const [what, text, rest] of [
    ['a tunnel', CONNECT, firstMessage],
    ['a request of plain HTTP', post(0), async () => ''],
  ] as const) {
    it(`who goes away while ${what} is connected to leaves no connection behind`, {
      timeout: TOO_LONG_MS,
    }, async (t) => {
      const addresses = Promise.withResolvers<string[]>();
      const asked = Promise.withResolvers<void>();
      const resolve = (): Promise<string[]> => {
        asked.resolve();
        return addresses.promise;
      };
      const left: Promise<unknown>[] = [];
      const way = await wayOut(t, (far) => left.push(once(far, 'close')), { resolve });
      const { socket, closed } = way.speak(text);
      socket.write(await rest());
      await asked.promise;
      socket.destroy();
      await closed;
      await sleep(50);
      addresses.resolve(['93.184.216.34']);
      while (left.length === 0) await sleep(5);
      await Promise.all(left);
      assert.deepEqual(ends(way), [undefined]);
    });
  }

  it('requests that come one behind the other are as many connections as they ask for, and bounded together', {
    timeout: TOO_LONG_MS,
  }, async (t) => {
    const way = await wayOut(t, () => {});
    const { socket } = way.speak(post(0).repeat(MAX_CONNECTIONS + 6));
    while (ends(way).length < MAX_CONNECTIONS + 6) await sleep(5);
    socket.destroy();
    assert.deepEqual(
      ends(way).filter((refused) => refused !== undefined),
      Array(6).fill('busy'),
    );
  });
});
