import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { test } from 'node:test';
import type { SignatureAlgorithm } from './crypto/signature-algorithm.ts';
import * as node from './crypto.node.ts';
import * as web from './crypto.web.ts';

/** Each is typed as the other, so that neither can offer what its twin lacks. */
const DOORS: Record<string, typeof node & typeof web> = { node, web };

function ecKey(namedCurve: string) {
  return generateKeyPairSync('ec', { namedCurve });
}

const EC = { p256: ecKey('P-256'), p384: ecKey('P-384'), p521: ecKey('P-521') };
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ED25519 = generateKeyPairSync('ed25519');

const SCHEMES: { algorithm: SignatureAlgorithm; pair: typeof RSA; hash: string | null }[] = [
  { algorithm: 'ed25519', pair: ED25519, hash: null },
  ...(['sha256', 'sha384', 'sha512'] as const).flatMap((hash) => [
    { algorithm: `ecdsa-p256-${hash}` as const, pair: EC.p256, hash },
    { algorithm: `ecdsa-p384-${hash}` as const, pair: EC.p384, hash },
    { algorithm: `ecdsa-p521-${hash}` as const, pair: EC.p521, hash },
    { algorithm: `rsa-pkcs1-${hash}` as const, pair: RSA, hash },
  ]),
];

function spkiOf({ publicKey }: typeof RSA): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

test('crypto doors: both export the same names', () => {
  assert.deepEqual(Object.keys(web).sort(), Object.keys(node).sort());
});

for (const [platform, door] of Object.entries(DOORS)) {
  test(`crypto over ${platform}: SHA-256 is that of OpenSSL for every length around its blocks, and for large inputs`, () => {
    const seed = randomBytes(8).toString('hex');
    const sample = (bytes: number): Buffer =>
      Buffer.alloc(bytes, createHash('sha256').update(`${seed}/${bytes}`).digest());
    for (const bytes of [...Array(301).keys(), 65_535, 65_536, 1_000_003, 8_388_609]) {
      const data = sample(bytes);
      const expected = createHash('sha256').update(data).digest('hex');
      assert.equal(door.sha256Hex(data), expected, `${bytes} bytes, seed ${seed}`);
      assert.equal(Buffer.from(door.sha256(data)).toString('hex'), expected);
    }
    const text = 'Ünïcode \u{1f69a} and a lone \ud800 surrogate';
    assert.equal(door.sha256Hex(text), createHash('sha256').update(text).digest('hex'));
  });

  test(`crypto over ${platform}: a running SHA-256 does not depend on how its input is cut`, () => {
    const data = randomBytes(1000);
    const expected = createHash('sha256').update(data).digest('hex');
    for (let piece = 1; piece <= 200; piece++) {
      const hash = door.runningSha256();
      for (let at = 0; at < data.length; at += piece) hash.update(data.subarray(at, at + piece));
      assert.equal(Buffer.from(hash.digest()).toString('hex'), expected, `pieces of ${piece} bytes`);
    }
  });

  test(`crypto over ${platform}: digests of every named hash are those of OpenSSL`, async () => {
    const data = randomBytes(777);
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const expected = createHash(hash).update(data).digest('hex');
      assert.equal(Buffer.from(await door.digestWith(hash, data)).toString('hex'), expected);
    }
  });

  test(`crypto over ${platform}: bytes come back as plain Uint8Arrays`, async () => {
    const bytes = [door.sha256(''), door.runningSha256().digest(), await door.digestWith('sha384', new Uint8Array())];
    for (const each of [...bytes, door.decodeBase64('AAAA')]) assert.equal(each?.constructor, Uint8Array);
  });

  test(`crypto over ${platform}: signatures of every scheme are accepted from their key alone`, async () => {
    const message = randomBytes(100);
    for (const { algorithm, pair, hash } of SCHEMES) {
      const key = door.importPublicKey(spkiOf(pair));
      const signature = sign(hash, message, pair.privateKey);
      const holds = (of: Uint8Array, by: Uint8Array, alg = algorithm, from = key): Promise<boolean> =>
        door.verifySignature(alg, from, of, by);
      assert.equal(await holds(message, signature), true, algorithm);
      assert.equal(await holds(message.subarray(1), signature), false, `${algorithm}, another message`);
      assert.equal(await holds(message, signature.subarray(1)), false, `${algorithm}, a cut signature`);
      assert.equal(await holds(message, Buffer.concat([signature, Buffer.of(0)])), false, `${algorithm}, a byte more`);
      assert.equal(await holds(message, new Uint8Array()), false, `${algorithm}, no signature`);
      for (const other of SCHEMES) {
        if (other.algorithm === algorithm) continue;
        assert.equal(await holds(message, signature, other.algorithm), false, `${algorithm} as ${other.algorithm}`);
        const stranger = door.importPublicKey(spkiOf(other.pair));
        if (other.pair !== pair) assert.equal(await holds(message, signature, algorithm, stranger), false);
      }
    }
  });

  test(`crypto over ${platform}: many signatures are answered in their order, however many are asked for at once`, async () => {
    const ed25519 = door.importPublicKey(spkiOf(ED25519));
    const p256 = door.importPublicKey(spkiOf(EC.p256));
    const stranger = (platform === 'node' ? web : node).importPublicKey(spkiOf(ED25519));
    const batch = (size: number) =>
      Array.from({ length: size }, (_, n) => {
        const message = randomBytes(n % 50);
        const signed = n % 3 === 0 ? Buffer.concat([message, Buffer.of(1)]) : message;
        const claim =
          n % 2 === 0
            ? { algorithm: 'ed25519' as const, key: ed25519, signature: sign(null, signed, ED25519.privateKey) }
            : {
                algorithm: 'ecdsa-p256-sha256' as const,
                key: p256,
                signature: sign('sha256', signed, EC.p256.privateKey),
              };
        const key = n % 5 === 0 ? (n % 2 === 0 ? stranger : ed25519) : claim.key;
        return { claim: { ...claim, key, message }, holds: n % 3 !== 0 && n % 5 !== 0 };
      });
    for (const expected of [0, 1000]) {
      door.expectSignatures(expected);
      const batches = [0, 1, 15, 16, 60, 60, 60, 60, 60, 60, 3].map(batch);
      const answers = await Promise.all(batches.map((each) => door.verifySignatures(each.map(({ claim }) => claim))));
      assert.deepEqual(
        answers,
        batches.map((each) => each.map(({ holds }) => holds)),
      );
    }
  });

  test(`crypto over ${platform}: a key that another door loaded verifies nothing`, async () => {
    const key = (platform === 'node' ? web : node).importPublicKey(spkiOf(ED25519));
    const signature = sign(null, Buffer.from('text'), ED25519.privateKey);
    assert.equal(await door.verifySignature('ed25519', key, Buffer.from('text'), signature), false);
  });

  test(`crypto over ${platform}: keys of other kinds, forms and strengths are refused`, () => {
    const p256 = spkiOf(EC.p256);
    const offCurve = Buffer.from(p256);
    offCurve[offCurve.length - 1] = (offCurve.at(-1) as number) ^ 1;
    const compressed = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.of(2 + ((p256.at(-1) as number) & 1)),
      p256.subarray(27, 59),
    ]);
    const bad: Record<string, Uint8Array> = {
      'no DER': Buffer.from('no key'),
      nothing: new Uint8Array(),
      'cut short': p256.subarray(0, -1),
      'a byte more': Buffer.concat([p256, Buffer.of(0)]),
      'a point off the curve': offCurve,
      'a compressed point': compressed,
      'another curve': spkiOf(ecKey('secp256k1')),
      'short RSA': spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 })),
      'RSA with a byte more': Buffer.concat([spkiOf(RSA), Buffer.of(0)]),
      'RSA for PSS alone': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({
        type: 'spki',
        format: 'der',
      }),
      X25519: generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }),
    };
    for (const [what, spki] of Object.entries(bad)) {
      assert.throws(() => door.importPublicKey(spki), { name: 'EvidenceError', code: 'KEYS' }, what);
    }
  });

  test(`crypto over ${platform}: base64 has one text form`, () => {
    for (let bytes = 0; bytes < 100; bytes++) {
      const data = randomBytes(bytes);
      const text = data.toString('base64');
      assert.equal(door.encodeBase64(data), text);
      assert.deepEqual(door.decodeBase64(text), Uint8Array.from(data));
    }
    for (const text of [
      'A',
      'AA',
      'AA=',
      'AAA',
      'AB==',
      'AAB=',
      'AA== ',
      ' AA==',
      'A\nA==',
      '-_8=',
      'AAAA====',
      'ä===',
    ]) {
      assert.equal(door.decodeBase64(text), undefined, JSON.stringify(text));
    }
  });
}
