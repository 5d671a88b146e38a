import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance } from '#adapters/local/clock.ts';
import { createLocalMailbox, type LocalMailbox } from '#adapters/local/mailbox.ts';
import { draftOf, type MailboxBed, mailboxSuite, PRINCIPAL } from './mailbox.suite.ts';

interface LocalBed extends MailboxBed {
  directory: string;
}

async function open(requestTimeoutMs = 5_000): Promise<LocalBed> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-mailbox-'));
  const artifacts = createLocalArtifacts(join(directory, 'artifacts'));
  const opened: LocalMailbox[] = [];
  let nowMs = 1_000;
  const create = async (): Promise<LocalMailbox> => {
    const mailbox = createLocalMailbox({
      stagingDir: join(directory, 'staging'),
      artifacts,
      chance: createLocalChance(),
      clock: { nowMs: () => nowMs, after: () => () => {} },
      requestTimeoutMs,
    });
    await mailbox.listen();
    opened.push(mailbox);
    return mailbox;
  };
  const mailbox = await create();
  return {
    directory,
    mailbox,
    channel: mailbox,
    artifacts,
    setNow: (to) => {
      nowMs = to;
    },
    restart: create,
    async close() {
      for (const mailbox of opened) await mailbox.shutdown();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

mailboxSuite('loopback HTTP', () => open(), {
  hints: true,
  guards: 'each PUT',
  arrival: 'the clock of the engine',
});

describe('mailbox: loopback HTTP meets hostile requests', () => {
  const ATTEMPT = 'd'.repeat(32);
  const withBed = (use: (url: URL, bed: LocalBed) => Promise<void>, timeoutMs?: number) => async () => {
    const bed = await open(timeoutMs);
    try {
      await use(new URL(await bed.mailbox.post(draftOf(ATTEMPT))), bed);
    } finally {
      await bed.close();
    }
  };
  /** What the server says to these bytes until it closes the connection. */
  const raw = (port: string, request: string): Promise<string> =>
    new Promise((resolve) => {
      let said = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
      socket.on('data', (data) => {
        said += data;
      });
      socket.on('close', () => resolve(said));
      socket.on('error', () => {});
    });
  const status = async (url: string, method = 'GET'): Promise<number> => (await fetch(url, { method })).status;

  it(
    'listens on the loopback address alone',
    withBed(async (url) => assert.equal(url.hostname, '127.0.0.1')),
  );

  it(
    'unknown paths, other secrets, escapes, queries and further segments are 404',
    withBed(async (url) => {
      const secret = url.pathname.split('/')[1] ?? '';
      const other = secret.replace(/^./, (first) => (first === '0' ? '1' : '0'));
      assert.equal(await status(url.href), 200);
      for (const path of [
        '/',
        `/${secret}`,
        `/${secret}/`,
        `/${secret}/nothing`,
        `/${other}/lease`,
        `/${secret}/lease/x`,
        `/${secret}/lease?x`,
        `/${secret}/%6cease`,
        `/${secret}/input-0`,
        `/${secret}/source`,
        `/${secret}/input-99999999`,
        `//${secret}/lease`,
      ])
        assert.equal(await status(url.origin + path), 404, path);
    }),
  );

  it(
    'a path that climbs reaches no file',
    withBed(async (url) => {
      const secret = url.pathname.split('/')[1] ?? '';
      for (const path of [`/${secret}/../../etc/passwd`, `/${secret}/..%2f..%2fetc%2fpasswd`, '/../../etc/passwd'])
        assert.match(
          await raw(url.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
          /^HTTP\/1.1 404 /,
        );
    }),
  );

  it(
    'other methods than the one of the object are 405',
    withBed(async (url) => {
      const base = url.href.replace(/lease$/, '');
      for (const [name, method] of [
        ['lease', 'PUT'],
        ['lease', 'DELETE'],
        ['result', 'GET'],
        ['log', 'GET'],
        ['outputs', 'POST'],
        ['heartbeat', 'PATCH'],
      ] as const)
        assert.equal(await status(base + name, method), 405, `${method} ${name}`);
    }),
  );

  it(
    'huge headers and what is no HTTP are refused by the server, which lives on',
    withBed(async (url) => {
      assert.match(
        await raw(url.port, `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`),
        /^HTTP\/1.1 431 /,
      );
      assert.match(await raw(url.port, '\x16\x03\x01garbage\r\n\r\n'), /^HTTP\/1.1 400 /);
      assert.match(
        await raw(
          url.port,
          `PUT ${url.pathname.replace('lease', 'log')} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
        ),
        /^HTTP\/1.1 400 /,
      );
      assert.equal(await status(url.href), 200);
    }),
  );

  it(
    'a body that never ends is cut, keeps nothing, and leaves the object free',
    withBed(async (url, bed) => {
      for (const [name, length, part] of [
        ['result', 100, 'slow'],
        ['result', 200_000, 'slow'],
        ['outputs', 1_000_000, 'x'.repeat(500_000)],
      ] as const) {
        const path = url.pathname.replace('lease', name);
        const said = await raw(url.port, `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${part}`);
        assert.doesNotMatch(said, /^HTTP\/1.1 200/);
        assert.equal((await bed.mailbox.staged(ATTEMPT)).result, null);
        await assert.rejects(bed.mailbox.openOutputs(ATTEMPT), /OBJECT_MISSING/);
      }
      // The connection ends a moment before the server has cleaned up behind it.
      const left = (): string[] => readdirSync(join(bed.directory, 'staging', ATTEMPT));
      for (let waitedMs = 0; left().length > 0 && waitedMs < 2_000; waitedMs += 10) await sleep(10);
      assert.deepEqual(left(), []);
      assert.equal((await fetch(url.href.replace('lease', 'result'), { method: 'PUT', body: 'whole' })).status, 200);
    }, 300),
  );

  it(
    'an attempt id that is a path names no directory',
    withBed(async (_url, bed) => {
      for (const attemptId of ['../../etc', '', 'D'.repeat(32), `${ATTEMPT}/..`]) {
        await assert.rejects(bed.mailbox.staged(attemptId), /OBJECT_MISSING/);
        await assert.rejects(bed.mailbox.close(attemptId, PRINCIPAL), /OBJECT_MISSING/);
        await assert.rejects(bed.mailbox.post(draftOf(attemptId)), /OBJECT_MISSING/);
      }
    }),
  );

  it(
    'an input whose artifact is gone is 404, and one that rots is cut, never a whole answer',
    withBed(async (_url, bed) => {
      const { sha256, sizeBytes } = await bed.artifacts.put(Buffer.from('kept'));
      const draft = draftOf('e'.repeat(32), { inputs: [{ key: 'k', sha256, sizeBytes }] });
      const url = (await bed.mailbox.post(draft)).replace('lease', 'input-0');
      assert.equal(await (await fetch(url)).text(), 'kept');
      const hex = sha256.slice(7);
      writeFileSync(join(bed.directory, 'artifacts', 'sha256', hex.slice(0, 2), hex), 'rots');
      await assert.rejects(fetch(url).then((answer) => answer.text()));
      rmSync(join(bed.directory, 'artifacts', 'sha256'), { recursive: true });
      assert.equal(await status(url), 404);
    }),
  );
});
