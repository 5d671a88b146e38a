import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { pae } from '@waybill/verify';
import * as node from '../../packages/verify/src/crypto.node.ts';
import * as web from '../../packages/verify/src/crypto.web.ts';
import { derOfRaw } from './raw-signature.ts';
import { readJson, skip } from './vectors.ts';

const DOORS = Object.entries({ node, web });

interface PaeCase {
  desc: string;
  payloadType: string;
  bodyHex: string;
  paeHex: string;
  publicKeyJwk?: { kty: string; crv: string; x: string; y: string };
  sigBase64?: string;
}

test('pae: agrees with the DSSE specification', { skip }, () => {
  const { cases } = readJson<{ cases: PaeCase[] }>('dsse/vectors.json');
  assert.equal(cases.length, 3);
  for (const { desc, payloadType, bodyHex, paeHex } of cases) {
    assert.equal(Buffer.from(pae(payloadType, Buffer.from(bodyHex, 'hex'))).toString('hex'), paeHex, desc);
  }
});

for (const [platform, door] of DOORS) {
  test(`signatures: the example of the DSSE specification, r and s side by side, holds over ${platform} in DER alone`, {
    skip,
  }, async () => {
    const { cases } = readJson<{ cases: PaeCase[] }>('dsse/vectors.json');
    const signed = cases.filter(({ sigBase64 }) => sigBase64 !== undefined);
    assert.equal(signed.length, 1);
    for (const { publicKeyJwk = {}, payloadType, bodyHex, sigBase64 = '' } of signed) {
      const spki = createPublicKey({ key: publicKeyJwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
      const message = pae(payloadType, Buffer.from(bodyHex, 'hex'));
      const raw = Buffer.from(sigBase64, 'base64');
      const holds = (signature: Uint8Array, over = message): Promise<boolean> =>
        door.verifySignature('ecdsa-p256-sha256', door.importPublicKey(spki), over, signature);
      assert.equal(await holds(derOfRaw(raw)), true);
      assert.equal(await holds(raw), false);
      assert.equal(await holds(derOfRaw(raw), message.subarray(1)), false);
    }
  });
}

interface SignatureGroups {
  testGroups: {
    publicKeyDer: string;
    tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
  }[];
}

const asItIs = (signature: Buffer): Uint8Array => signature;

for (const [platform, door] of DOORS) {
  for (const { scheme, algorithm, cases, decode } of [
    { scheme: 'ecdsa_secp256r1_sha256', algorithm: 'ecdsa-p256-sha256', cases: 484, decode: asItIs },
    { scheme: 'ecdsa_secp256r1_sha256_p1363', algorithm: 'ecdsa-p256-sha256', cases: 262, decode: derOfRaw },
    { scheme: 'ed25519', algorithm: 'ed25519', cases: 151, decode: asItIs },
  ] as const) {
    test(`signatures: ${scheme} agrees with all ${cases} cases of Wycheproof, over ${platform}`, { skip }, async () => {
      const { testGroups } = readJson<SignatureGroups>(`wycheproof/${scheme}_test.json`);
      const probes = testGroups.flatMap(({ publicKeyDer, tests }) => {
        const key = door.importPublicKey(Buffer.from(publicKeyDer, 'hex'));
        return tests.map(({ tcId, msg, sig, result }) => {
          const signature = decode(Buffer.from(sig, 'hex'));
          const judge = (): Promise<boolean> =>
            door.verifySignature(algorithm, key, Buffer.from(msg, 'hex'), signature);
          return { tcId, isValid: result === 'valid', judge };
        });
      });
      assert.equal(probes.length, cases);
      for (const { tcId, isValid, judge } of probes) assert.equal(await judge(), isValid, `case ${tcId}`);
      // Many at once take another way through Node than one.
      const together = await Promise.all(probes.map(({ judge }) => judge()));
      for (const [n, { tcId, isValid }] of probes.entries())
        assert.equal(together[n], isValid, `case ${tcId}, in a batch`);
    });
  }
}
