import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pae } from '@waybill/verify';
import * as node from '../../packages/verify/src/crypto.node.ts';
import * as web from '../../packages/verify/src/crypto.web.ts';
import { readJson, skip } from './vectors.ts';

interface PaeCase {
  desc: string;
  payloadType: string;
  bodyHex: string;
  paeHex: string;
}

test('pae: agrees with the DSSE specification', { skip }, () => {
  const { cases } = readJson<{ cases: PaeCase[] }>('dsse/vectors.json');
  assert.equal(cases.length, 3);
  for (const { desc, payloadType, bodyHex, paeHex } of cases) {
    assert.equal(Buffer.from(pae(payloadType, Buffer.from(bodyHex, 'hex'))).toString('hex'), paeHex, desc);
  }
});

interface SignatureGroups {
  testGroups: {
    publicKeyDer: string;
    tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
  }[];
}

for (const [platform, door] of Object.entries({ node, web })) {
  for (const { scheme, algorithm, cases } of [
    { scheme: 'ecdsa_secp256r1_sha256', algorithm: 'ecdsa-p256-sha256', cases: 484 },
    { scheme: 'ed25519', algorithm: 'ed25519', cases: 151 },
  ] as const) {
    test(`signatures: ${scheme} agrees with all ${cases} cases of Wycheproof, over ${platform}`, { skip }, async () => {
      const { testGroups } = readJson<SignatureGroups>(`wycheproof/${scheme}_test.json`);
      let judged = 0;
      for (const { publicKeyDer, tests } of testGroups) {
        const key = door.importPublicKey(Buffer.from(publicKeyDer, 'hex'));
        for (const { tcId, msg, sig, result } of tests) {
          const holds = await door.verifySignature(algorithm, key, Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'));
          assert.equal(holds, result === 'valid', `case ${tcId}`);
          judged++;
        }
      }
      assert.equal(judged, cases);
    });
  }
}
