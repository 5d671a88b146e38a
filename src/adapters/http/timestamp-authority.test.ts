import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, test } from 'node:test';
import { RetryableError, TerminalError, WaybillError } from '@waybill/client/errors';
import { timestampRequest, verifyTimestamp } from '@waybill/verify';
import { int, members, seq, tlv } from '../../../test/evidence/naive-der.ts';
import { type Exchange, startTimestampServer } from '../../../test/support/tsa-server.ts';
import { openHttpTimestampAuthority } from './timestamp-authority.ts';

type Options = Partial<Parameters<typeof openHttpTimestampAuthority>[0]>;

const MESSAGE = Buffer.from('a checkpoint\n');
const NONCE = '00f1f2f3f4f5f6f7';
/** For authorities that are as slow as they like. */
const BRIEF: Options = { timeoutMs: 400 };
const REPLY = 'application/timestamp-reply';

let answer: (exchange: Exchange, response: ServerResponse) => void = () => {};
const server = await startTimestampServer((exchange, response) => answer(exchange, response));
after(() => server.stop());

function authority(more: Options = {}) {
  const { url, rootDer } = server;
  return openHttpTimestampAuthority({ url, roots: [rootDer], timeoutMs: 10_000, hex: () => NONCE, ...more });
}

function replying(body: (exchange: Exchange) => Uint8Array, status = 200, type = REPLY): typeof answer {
  return (exchange, response) => response.writeHead(status, { 'content-type': type }).end(body(exchange));
}

const honest = replying(({ query, stamp }) => stamp(query));
const garbage = replying(() => Buffer.from('no time today'));
const request = (message: string, nonce: string): Buffer =>
  Buffer.from(timestampRequest(Buffer.from(message), Buffer.from(nonce, 'hex')));
/** A rejection with one bit of PKIFailureInfo set. */
const rejected = (failure: number): Buffer => {
  const bits = Buffer.alloc((failure >> 3) + 1);
  bits[failure >> 3] = 0x80 >> (failure & 7);
  return seq(seq(int(2), tlv(0x03, Buffer.of(0), bits)));
};

const UNREACHABLE: readonly { title: string; answer: typeof answer; problem: RegExp; options?: Options }[] = [
  { title: 'a silent authority', answer: () => {}, problem: /did not answer within 400 ms/, options: BRIEF },
  {
    title: 'an answer that never ends',
    answer: (_, response) => response.writeHead(200, { 'content-type': REPLY }).write('0'),
    problem: /did not answer within 400 ms/,
    options: BRIEF,
  },
  { title: 'a connection that is cut', answer: (_, response) => response.destroy(), problem: /not at all/ },
  {
    title: 'an answer that is cut',
    answer: (_, response) => response.writeHead(200, { 'content-length': 99 }).write('0', () => response.destroy()),
    problem: /not at all/,
  },
  { title: 'a failure', answer: replying(() => Buffer.of(), 500), problem: /answered 500/ },
  { title: 'overload', answer: replying(() => Buffer.of(), 429), problem: /answered 429/ },
  { title: 'garbage', answer: garbage, problem: /not DER/ },
  {
    title: 'an error page',
    answer: replying(() => Buffer.from('<html>'), 200, 'text/html'),
    problem: /something else/,
  },
  { title: 'a huge answer', answer: replying(() => Buffer.alloc(65_537)), problem: /more than 65536 bytes/ },
  {
    title: 'a huge answer without end',
    answer: (_, response) => {
      response.writeHead(200, { 'content-type': REPLY });
      const more = (): boolean => response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(more));
      more();
    },
    problem: /more than 65536 bytes/,
  },
  {
    title: 'a wrong nonce',
    answer: replying(({ stamp }) => stamp(request(MESSAGE.toString(), '0102'))),
    problem: /nonce is not the one of the request/,
  },
  {
    title: 'a wrong hash',
    answer: replying(({ stamp }) => stamp(request('another', NONCE))),
    problem: /over another message/,
  },
  { title: 'no time available', answer: replying(() => rejected(14)), problem: /status 2, failure 14/ },
];

const FINAL: readonly { title: string; code: string; answer: typeof answer; problem: RegExp; options?: Options }[] = [
  { title: 'forbidden', code: 'TSA_REFUSED', answer: replying(() => Buffer.of(), 403), problem: /answered 403/ },
  {
    title: 'a redirect',
    code: 'TSA_REFUSED',
    answer: (_, response) => response.writeHead(302, { location: server.url }).end(),
    problem: /answered 302/,
  },
  { title: 'a rejection', code: 'TSA_REFUSED', answer: replying(() => rejected(0)), problem: /status 2, failure 0/ },
  {
    title: 'an authority that nobody trusts',
    code: 'TSA_INVALID',
    answer: honest,
    problem: /no certificate of "Waybill tests, Root" leads to a root/,
    options: { roots: [] },
  },
  {
    title: 'another policy',
    code: 'TSA_INVALID',
    answer: honest,
    problem: /the policy .* is not one/,
    options: { policies: ['1.2.3.4'] },
  },
];

async function failureOf(misbehaving: typeof answer, options: Options = {}): Promise<WaybillError> {
  answer = misbehaving;
  const error = await authority(options)
    .stamp(MESSAGE)
    .then(
      () => 'a time stamp',
      (cause: unknown) => cause,
    );
  assert.ok(error instanceof WaybillError, String(error));
  assert.match(error.message, /^[\x20-\x7e]+$/);
  return error;
}

for (const { title, answer: misbehaving, problem, options } of UNREACHABLE) {
  test(`timestamp authority: ${title} is worth another try`, async () => {
    const error = await failureOf(misbehaving, options);
    assert.ok(error instanceof RetryableError);
    assert.deepEqual([error.code, error.path], ['TSA_UNREACHABLE', `timestamp authority ${new URL(server.url).host}`]);
    assert.match(error.problem, problem);
  });
}

for (const { title, code, answer: misbehaving, problem, options } of FINAL) {
  test(`timestamp authority: ${title} is final`, async () => {
    const error = await failureOf(misbehaving, options);
    assert.ok(error instanceof TerminalError);
    assert.equal(error.code, code);
    assert.match(error.problem, problem);
  });
}

test('timestamp authority: only the hash of the message leaves, with a nonce, and what comes back is kept bare', async () => {
  let seen: Buffer = Buffer.of();
  answer = ({ query, stamp }, response) => {
    seen = query;
    const [, token = seq()] = members(stamp(query));
    const words = seq(int(0), seq(tlv(0x0c, Buffer.from('Operation Okay'))));
    response.writeHead(200, { 'content-type': `${REPLY}; charset=binary` }).end(seq(words, token));
  };
  const tsr = await authority().stamp(MESSAGE);
  assert.deepEqual(seen, request(MESSAGE.toString(), NONCE));
  assert.equal(seen.includes(MESSAGE), false);
  await verifyTimestamp({ tsr, message: MESSAGE, roots: [server.rootDer], nonce: Buffer.from(NONCE, 'hex') });
  assert.equal(Buffer.from(tsr).includes('Operation'), false);
});

test('timestamp authority: a URL that is none is refused at once', () => {
  for (const url of ['', 'tsa.example', 'ftp://tsa.example/', 'file:///etc/passwd', 'http://tsa.example/#a']) {
    assert.throws(
      () => authority({ url }),
      (error) => error instanceof TerminalError && error.code === 'USAGE',
      url,
    );
  }
});
