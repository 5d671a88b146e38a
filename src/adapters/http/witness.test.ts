import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import {
  cosignedMessage,
  formatCosignature,
  formatNote,
  formatWitnessVkey,
  parseNote,
  parseWitnessVkey,
} from '@waybill/verify';
import { type Witness, WitnessConflict } from '#ports/witness.ts';
import { SampleLog } from '../../../test/support/sample-log.ts';
import { openHttpWitness } from './witness.ts';

const LOG = new SampleLog().grow(6);
const CHECKPOINT = LOG.checkpoint();
const { text: TEXT } = parseNote(CHECKPOINT);
const REQUEST = { oldSize: 0, proof: [], checkpoint: CHECKPOINT };
const NOW_SECONDS = 1_800_000_000;

const keyPair = (name: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  return { vkey: formatWitnessVkey(name, raw), privateKey };
};
const OWN = keyPair('witness.test/w1');
const OTHER = keyPair('witness.test/other');

/** A cosignature line; over another text or with another key when asked for. */
function line({ key = OWN, text = TEXT, timeSeconds = NOW_SECONDS } = {}): string {
  const signature = sign(null, cosignedMessage(text, timeSeconds), key.privateKey);
  const made = formatCosignature(parseWitnessVkey(key.vkey), { timeSeconds, signature });
  return formatNote(text, [made]).slice(text.length + 1);
}

/** Talks to a server that answers as it is told. */
async function withAnswer<T>(
  listener: RequestListener,
  use: (witness: Witness) => Promise<T>,
  timeoutMs = 5_000,
): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`;
  try {
    return await use(openHttpWitness({ name: 'w1', url, vkey: OWN.vkey, timeoutMs, nowMs: () => NOW_SECONDS * 1000 }));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const answering = (status: number, body: string, type = 'text/plain'): RequestListener => {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': type }).end(body);
  };
};

const failure = async (listener: RequestListener, timeoutMs?: number): Promise<WaybillError> => {
  const thrown = await withAnswer(
    listener,
    (witness) => witness.cosign(REQUEST).catch((error: unknown) => error),
    timeoutMs,
  );
  assert.ok(thrown instanceof WaybillError, `not refused: ${JSON.stringify(thrown)}`);
  return thrown;
};

test('witness over http: the request is what the specification says, byte for byte', async () => {
  const seen: string[] = [];
  const request = { oldSize: 4, proof: await LOG.proof(4), checkpoint: CHECKPOINT };
  await withAnswer(
    async (incoming, response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
      seen.push(`${incoming.method} ${incoming.url}`, Buffer.concat(chunks).toString());
      response.end(line());
    },
    (witness) => witness.cosign(request),
  );
  const hashes = request.proof.map((hash) => Buffer.from(hash).toString('base64'));
  assert.deepEqual(seen, ['POST /prefix/add-checkpoint', ['old 4', ...hashes, '', CHECKPOINT].join('\n')]);
});

test('witness over http: of an answer with many lines only the one of the known key is kept', async () => {
  const body = `${line({ key: OTHER })}${line()}${line({ timeSeconds: NOW_SECONDS + 1 })}`;
  const cosignatures = await withAnswer(answering(200, body), (witness) => witness.cosign(REQUEST));
  assert.equal(formatNote(TEXT, cosignatures), `${TEXT}\n${line()}`);
});

test('witness over http: an answer that does not prove itself is thrown away', async () => {
  const bad: Record<string, string> = {
    nothing: '',
    'no line': 'yes\n',
    'another key only': line({ key: OTHER }),
    'another checkpoint': line({ text: `${LOG.checkpoint(5).split('\n\n')[0]}\n` }),
    'a wrong line beside a right one': line() + line({ text: 'x\n' }),
    'a line that does not end': line().slice(0, -1),
    'an empty line, to stretch the text': `extended\n\n${line()}`,
    'a stretched text that the witness did sign': `extended\n\n${line({ text: `${TEXT}\nextended\n` })}`,
    'a time in the future': line({ timeSeconds: NOW_SECONDS + 3_601 }),
    'a note instead of lines': formatNote(TEXT, []) + line(),
    'lines that fill the note': line({ key: OTHER }).repeat(101) + line(),
  };
  for (const [what, body] of Object.entries(bad)) {
    const error = await failure(answering(200, body));
    assert.deepEqual([error.code, error.retryable], ['WITNESS_INVALID', false], what);
  }
});

test('witness over http: an answer without an end costs the limit and no more', async () => {
  const error = await failure((_, response) => {
    const pour = (): void => {
      while (response.write('—'.repeat(8_192)));
    };
    response.on('drain', pour);
    pour();
  });
  assert.deepEqual([error.code, error.problem], ['WITNESS_INVALID', 'answered more than 65536 bytes']);
});

test('witness over http: a conflict carries a size, in one form only', async () => {
  const conflict = await failure(answering(409, '17\n', 'text/x.tlog.size'));
  assert.ok(conflict instanceof WitnessConflict);
  assert.equal(conflict.size, 17);
  for (const [body, type] of [
    ['17\n', 'text/plain'],
    ['17', 'text/x.tlog.size'],
    ['017\n', 'text/x.tlog.size'],
    ['-1\n', 'text/x.tlog.size'],
    ['9007199254740992\n', 'text/x.tlog.size'],
    ['0\n', 'text/x.tlog.size'],
    ['', 'text/x.tlog.size'],
  ] as const) {
    assert.equal((await failure(answering(409, body, type))).code, 'WITNESS_INVALID', `${body} ${type}`);
  }
});

test('witness over http: every other status is a refusal, for good or for now', async () => {
  for (const [status, code, retryable] of [
    [201, 'WITNESS_REFUSED', false],
    [302, 'WITNESS_REFUSED', false],
    [400, 'WITNESS_REFUSED', false],
    [403, 'WITNESS_REFUSED', false],
    [404, 'WITNESS_REFUSED', false],
    [422, 'WITNESS_REFUSED', false],
    [429, 'WITNESS_UNREACHABLE', true],
    [500, 'WITNESS_UNREACHABLE', true],
    [503, 'WITNESS_UNREACHABLE', true],
  ] as const) {
    const error = await failure(answering(status, 'https://elsewhere.test/ \u001b[31m'));
    assert.deepEqual([error.code, error.retryable], [code, retryable], String(status));
    assert.doesNotMatch(error.message, /elsewhere|\[31m/);
  }
});

test('witness over http: silence, half an answer and a closed door are all the same: away', async () => {
  const half: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': 500 });
    response.write(line());
    response.socket?.end();
  };
  const trickling: RequestListener = (_, response) => {
    const timer = setInterval(() => response.write('a'), 20);
    response.on('close', () => clearInterval(timer));
  };
  const slamming: RequestListener = (request) => request.socket.destroy();
  for (const listener of [() => {}, half, trickling, slamming]) {
    const started = performance.now();
    const error = await failure(listener, 300);
    assert.deepEqual([error.code, error.retryable], ['WITNESS_UNREACHABLE', true]);
    assert.ok(performance.now() - started < 3_000);
  }
});

test('witness over http: a URL or key that is none is refused before anything is sent', () => {
  for (const url of [
    '',
    'w',
    'file:///etc/hosts',
    'ftp://w.test',
    'http://u:p@w.test',
    'http://w.test/?a',
    'http://w.test/#a',
  ]) {
    assert.throws(() => openHttpWitness({ name: 'w1', url, vkey: OWN.vkey }), { code: 'USAGE' }, url);
  }
  for (const vkey of ['', 'a', LOG.vkey]) {
    assert.throws(() => openHttpWitness({ name: 'w1', url: 'http://w.test', vkey }), { code: 'USAGE' }, vkey);
  }
});
