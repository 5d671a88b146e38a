import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { formatNote, parseNote, parseWitnessVkey, verifyCosignatures } from '@waybill/verify';
import { SampleLog } from '../../../test/support/sample-log.ts';
import { startWitness, type TestWitness } from '../../../test/support/witness-server.ts';

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
    const { port } = new URL(witness.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject).on('close', () => resolve(text));
      socket.write('POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n');
      socket.write(`22${'0'.repeat(3)}\r\n${'a'.repeat(0x22000)}\r\n`);
    });
    assert.match(answer, /^HTTP\/1.1 413 /);
  });
});
