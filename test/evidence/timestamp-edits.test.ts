import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { EvidenceError } from '../../packages/verify/src/evidence-error.ts';
import type { TimestampInput } from '../../packages/verify/src/rfc3161/stamp.ts';
import { timestampRequest } from '../../packages/verify/src/rfc3161/timestamp-request.ts';
import { verifyTimestamp } from '../../packages/verify/src/rfc3161/verify-timestamp.ts';
import { CA_EXTENSIONS, type Credential, OpensslAuthority, TSA_EXTENSIONS } from '../support/openssl-authority.ts';
import { makeToken } from './naive-tsa.ts';

const MESSAGE = Buffer.from('a checkpoint\n');
/** For the slowest of the mutations, on a machine that does something else as well. */
const MAX_MS = 2_000;

const openssl = new OpensslAuthority();
after(() => openssl.close());
const root = openssl.certify('Root', { extensions: CA_EXTENSIONS });
const intermediate = openssl.certify('Intermediate', { by: root, extensions: CA_EXTENSIONS });
const signer = openssl.certify('TSA', { by: intermediate, extensions: TSA_EXTENSIONS });
const rsa = openssl.certify('RSA TSA', { by: root, key: 'rsa:2048', extensions: TSA_EXTENSIONS });
const nonce = Uint8Array.of(0xfe, 1, 2, 3, 4, 5, 6, 7);
const full = { accuracy: 'secs:1, millisecs:5', ordering: true, tsaName: true, fractionDigits: 3 };

function stamped(by: Credential, chain: readonly Credential[]): TimestampInput {
  const tsr = openssl.reply(timestampRequest(MESSAGE, nonce), { signer: by, chain, ...full });
  return { tsr, message: MESSAGE, roots: [root.der] };
}

const GOOD: readonly { title: string; input: TimestampInput }[] = [
  { title: 'P-256 with an intermediate authority', input: stamped(signer, [intermediate]) },
  { title: 'RSA', input: stamped(rsa, []) },
];

async function verdict(input: TimestampInput): Promise<'accepted' | EvidenceError> {
  try {
    await verifyTimestamp(input);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof EvidenceError, String(error));
    assert.equal(error.code, 'TIMESTAMP');
    return error;
  }
}

for (const { title, input } of GOOD) {
  test(`timestamp: no byte of a token can be changed: ${title}`, async () => {
    assert.equal(await verdict(input), 'accepted');
    const accepted: string[] = [];
    for (let at = 0; at < input.tsr.length; at++) {
      for (const flip of [1 << (at % 8), 0xff]) {
        const tsr = Uint8Array.from(input.tsr);
        tsr[at] = (tsr[at] as number) ^ flip;
        if ((await verdict({ ...input, tsr })) === 'accepted') accepted.push(`byte ${at} with ${flip}`);
      }
    }
    assert.deepEqual(accepted, []);
  });

  test(`timestamp: no beginning of a token is accepted: ${title}`, async () => {
    for (let end = 0; end < input.tsr.length; end++) {
      assert.notEqual(await verdict({ ...input, tsr: input.tsr.subarray(0, end) }), 'accepted', `cut at ${end}`);
    }
  });
}

const edit = fc.record({
  at: fc.nat(),
  cut: fc.nat({ max: 4 }),
  insert: fc.uint8Array({ maxLength: 6 }),
});

test('timestamp: whatever the bytes, the answer is a refusal, in bounded time', async (t) => {
  const seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const tokens = GOOD.map(({ input }) => input.tsr);
  const mutated = fc.tuple(fc.constantFrom(...tokens), fc.array(edit, { minLength: 1, maxLength: 4 })).map(applied);
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated);
  await fc.assert(
    fc.asyncProperty(bytes, async (tsr) => {
      const startedMs = performance.now();
      const is = await verdict({ tsr, message: MESSAGE, roots: [root.der] });
      const isGood = tokens.some((token) => Buffer.compare(token, tsr) === 0);
      assert.equal(is === 'accepted', isGood);
      assert.ok(performance.now() - startedMs < MAX_MS);
    }),
    { seed, numRuns: 1500 },
  );
});

function applied([token, edits]: [Uint8Array, { at: number; cut: number; insert: Uint8Array }[]]): Uint8Array {
  return edits.reduce<Uint8Array>((bytes, { at, cut, insert }) => {
    const from = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + cut)]);
  }, token);
}

test('timestamp: what a dishonest authority signs is judged as well, in bounded time', async (t) => {
  const seed = Date.now() >>> 0;
  t.diagnostic(`seed ${seed}`);
  const places = ['info', 'attributes', 'signerInfo', 'signedData', 'contentInfo', 'answer'] as const;
  const plan = fc.record({
    place: fc.constantFrom(...places),
    part: fc.nat(),
    edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ place, part, edits }) => {
      const change = (parts: Record<string, Buffer>): void => {
        const names = Object.keys(parts);
        const name = names[part % names.length] as string;
        parts[name] = Buffer.from(applied([parts[name] as Buffer, edits]));
      };
      const tsr = makeToken({ message: MESSAGE, signers: [rsa], [place]: change });
      const startedMs = performance.now();
      // Some edits only change what an authority may choose.
      await verdict({ tsr, message: MESSAGE, roots: [root.der], certificates: [rsa.der] });
      assert.ok(performance.now() - startedMs < MAX_MS);
    }),
    { seed, numRuns: 600 },
  );
});

test('timestamp: names and keys made to mislead cost a bounded number of signatures', async () => {
  // Twenty certificates of one name and one key: each of them issued every other.
  const first = openssl.certify('Crowd', { extensions: CA_EXTENSIONS });
  const crowd = Array.from({ length: 20 }, () => openssl.certify('Crowd', { keyOf: first, extensions: CA_EXTENSIONS }));
  const last = openssl.certify('TSA', { by: first, extensions: TSA_EXTENSIONS });
  const tsr = openssl.reply(timestampRequest(MESSAGE, nonce), { signer: last });
  const certificates = crowd.map(({ der }) => der);
  const startedMs = performance.now();
  const is = await verdict({ tsr, message: MESSAGE, roots: [signer.der], certificates });
  assert.match(String(is), /no certificate of .* leads to a root/);
  assert.ok(performance.now() - startedMs < MAX_MS);
});

test('timestamp request: openssl reads back what was asked for', () => {
  for (const bytes of [Uint8Array.of(1), nonce, Uint8Array.of(0, 0, 0x7f, 1), new Uint8Array(8)]) {
    const query = openssl.write('tsq', timestampRequest(MESSAGE, bytes));
    const text = openssl.run(['ts', '-query', '-in', query, '-text']).toString();
    assert.match(text, /Version: 1\n/);
    assert.match(text, /Hash Algorithm: sha256\n/);
    assert.match(text, /Policy OID: unspecified\n/);
    assert.match(text, /Certificate required: yes\n/);
    const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
    const said = /Nonce: (?:0x)?([0-9A-F]+)\n/.exec(text)?.[1] ?? '';
    assert.equal(BigInt(`0x${said}`), value);
  }
});
