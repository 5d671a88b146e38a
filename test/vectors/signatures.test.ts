import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { pae } from '@waybill/verify';
import { verifyEd25519, verifyP256 } from '../../packages/verify/src/signature.ts';
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

for (const { scheme, verify, cases } of [
  { scheme: 'ecdsa_secp256r1_sha256', verify: verifyP256, cases: 484 },
  { scheme: 'ed25519', verify: verifyEd25519, cases: 151 },
]) {
  test(`signatures: ${scheme} agrees with all ${cases} cases of Wycheproof`, { skip }, () => {
    const { testGroups } = readJson<SignatureGroups>(`wycheproof/${scheme}_test.json`);
    let judged = 0;
    for (const { publicKeyDer, tests } of testGroups) {
      const key = createPublicKey({ key: Buffer.from(publicKeyDer, 'hex'), format: 'der', type: 'spki' });
      for (const { tcId, msg, sig, result } of tests) {
        const holds = verify(Buffer.from(msg, 'hex'), key, Buffer.from(sig, 'hex'));
        assert.equal(holds, result === 'valid', `case ${tcId}`);
        judged++;
      }
    }
    assert.equal(judged, cases);
  });
}
