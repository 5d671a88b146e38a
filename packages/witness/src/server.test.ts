import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatNote, parseNote, parseWitnessVkey, verifyCosignatures } from '@waybill/verify';
import { SampleLog } from '../../../test/support/sample-log.ts';
import { startWitness, type TestWitness } from '../../../test/support/witness-server.ts';
import { startWitness as start } from './server.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 8, 0, 0, 250);

interface Reply {
  status: number;
  type: string | null;
  body: string;
}

async function post(witness: TestWitness, body: string | Uint8Array): Promise<Reply> {
  const init = { method: 'POST', body: typeof body === 'string' ? body : Buffer.from(body) };
  const response = await fetch(`${witness.url}/add-checkpoint`, init);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

/** The times of the cosignatures that verify over the checkpoint. */
async function timesIn(reply: Reply, checkpoint: string, vkey: string): Promise<number[]> {
  const { text, signatures } = parseNote(`${checkpoint}${reply.body}`);
  assert.equal(formatNote(text, signatures), `${checkpoint}${reply.body}`);
  const verified = await verifyCosignatures({ text, signatures }, [parseWitnessVkey(vkey)]);
  return verified.map(({ timeMs }) => timeMs);
}

/** What comes back until the server closes the connection. */
function raw(url: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(text));
    socket.write(bytes);
  });
}

describe('witness', () => {
  const log = new SampleLog().grow(20);
  let witness: TestWitness;

  before(async () => {
    witness = await startWitness({ origin: log.origin, logVkey: log.vkey, nowMs: () => NOW_MS });
  });

  after(() => witness.stop());

  test('witness: cosigns the first checkpoint that it sees, each extension of it, and the newest one again', async () => {
    for (const [oldSize, size] of [
      [0, 3],
      [3, 3],
      [3, 4],
      [4, 11],
      [11, 20],
      [20, 20],
    ] as const) {
      const reply = await post(witness, await log.request(oldSize, size));
      assert.equal(reply.status, 200, `${oldSize} to ${size}`);
      assert.deepEqual(await timesIn(reply, log.checkpoint(size), witness.vkey), [NOW_MS - 250]);
      assert.equal(witness.head()?.size, size);
    }
  });

  test('witness: an old size that is not its own is answered 409 with its size', async () => {
    for (const oldSize of [0, 3, 19]) {
      const reply = await post(witness, await log.request(oldSize, 20));
      assert.deepEqual(reply, { status: 409, type: 'text/x.tlog.size', body: '20\n' });
    }
  });

  test('witness: a smaller checkpoint is never cosigned, whatever old size it claims', async () => {
    for (const [oldSize, status] of [
      [0, 409],
      [11, 409],
      [20, 400],
    ] as const) {
      const body = (await log.request(11, 11)).replace('old 11', `old ${oldSize}`);
      assert.equal((await post(witness, body)).status, status);
    }
    assert.equal(witness.head()?.size, 20);
  });

  test('witness: an unknown log is answered 404, a checkpoint that its log did not sign 403', async () => {
    const other = new SampleLog('log.test/other').grow(2);
    assert.equal((await post(witness, await other.request(0))).status, 404);
    const impostor = new SampleLog(log.origin).grow(21);
    assert.equal((await post(witness, await impostor.request(20))).status, 403);
    const edited = (await log.request(20, 20)).replace('\n20\n', '\n21\n');
    assert.equal((await post(witness, edited)).status, 403);
    assert.equal(witness.conflicts().length, 0);
  });

  test('witness: status and verifier key are there for everyone, other paths and methods are not', async () => {
    const status = await (await fetch(witness.url)).json();
    assert.deepEqual(status, {
      format: 'waybill-witness/v1',
      vkey: witness.vkey,
      logs: [{ origin: log.origin, size: 20, checkpoint: log.checkpoint(20), cosignedAt: '2026-11-21T08:00:00.000Z' }],
      forks: 0,
    });
    assert.equal((await fetch(`${witness.url}/nothing`)).status, 404);
    assert.equal((await fetch(`${witness.url}/add-checkpoint`)).status, 405);
    assert.equal((await fetch(witness.url, { method: 'POST' })).status, 405);
  });

  test('witness: a body that is too long is refused with and without a length', async () => {
    const long = new Uint8Array(140_000).fill(0x61);
    assert.equal((await post(witness, long)).status, 413);
    const chunk = `22000\r\n${'a'.repeat(0x22000)}\r\n`;
    const answer = await raw(
      witness.url,
      `POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`,
    );
    assert.match(answer, /^HTTP\/1.1 413 /);
  });
});

test('witness: whoever sends slowly, or half, is cut off and holds up nobody', async () => {
  const log = new SampleLog().grow(3);
  const witness = await startWitness({ origin: log.origin, logVkey: log.vkey, requestTimeoutMs: 600 });
  try {
    const slow = ['POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 400\r\n\r\nold 0\n', 'POST /add-'];
    const started = performance.now();
    const cut = Promise.all(Array.from({ length: 40 }, (_, n) => raw(witness.url, slow[n % 2] as string)));
    assert.equal((await post(witness, await log.request(0))).status, 200);
    assert.ok((await cut).every((text) => text === '' || text.startsWith('HTTP/1.1 408 ')));
    assert.ok(performance.now() - started < 10_000);
  } finally {
    await witness.stop();
  }
});

test('witness: what fails inside is told to its operator and not to the client', async () => {
  const log = new SampleLog().grow(3);
  const errors: unknown[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
  let nowMs = NOW_MS;
  const settings = { directory, name: 'w.test', logs: [log.vkey], nowMs: () => nowMs };
  const witness = await start({ ...settings, onError: (error) => errors.push(error) });
  const send = async () =>
    fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      body: await log.request(witness.state.head(log.origin)?.size ?? 0),
    });
  assert.equal((await send()).status, 200);
  nowMs -= 60_000;
  const refused = await send();
  assert.deepEqual([refused.status, await refused.text()], [503, '']);
  assert.match(String(errors[0]), /WitnessError: the clock is 60 s behind/);
  await witness.stop();
  rmSync(directory, { recursive: true });
});
