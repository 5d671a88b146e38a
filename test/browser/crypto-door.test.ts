/** Node's WebCrypto is OpenSSL once more; that of a browser is another library, held to the same vectors here. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { derOfRaw } from '../vectors/raw-signature.ts';
import { readJson, skip as withoutVectors } from '../vectors/vectors.ts';
import { openPageBed, skip as withoutChromium } from './verify-page.ts';

const skip = withoutChromium || withoutVectors;
const DOOR = join(import.meta.dirname, '../../packages/verify/src/crypto.web.ts');

interface Groups {
  testGroups: { publicKeyDer: string; tests: { msg: string; sig: string; result: 'valid' | 'invalid' }[] }[];
}

interface Probe {
  algorithm: string;
  spki: string;
  message: string;
  signature: string;
  isValid: boolean;
}

function probesOf(scheme: string, algorithm: string, decode: (raw: Buffer) => Uint8Array): Probe[] {
  return readJson<Groups>(`wycheproof/${scheme}_test.json`).testGroups.flatMap(({ publicKeyDer, tests }) =>
    tests.map(({ msg, sig, result }) => ({
      algorithm,
      spki: publicKeyDer,
      message: msg,
      signature: Buffer.from(decode(Buffer.from(sig, 'hex'))).toString('hex'),
      isValid: result === 'valid',
    })),
  );
}

test('crypto over Chromium: agrees with Wycheproof on P-256 in DER and raw, and on Ed25519', { skip }, async () => {
  const probes = [
    ...probesOf('ecdsa_secp256r1_sha256', 'ecdsa-p256-sha256', (raw) => raw),
    ...probesOf('ecdsa_secp256r1_sha256_p1363', 'ecdsa-p256-sha256', derOfRaw),
    ...probesOf('ed25519', 'ed25519', (raw) => raw),
  ];
  assert.equal(probes.length, 484 + 262 + 151);
  const { outputFiles } = await build({
    entryPoints: [DOOR],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'door',
  });
  const bed = await openPageBed();
  try {
    await bed.withPage(async (page) => {
      await page.evaluate(`${outputFiles[0]?.text}; globalThis.door = door;`);
      const disagreeing = await page.evaluate(`(async () => {
        const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
        const disagreeing = [];
        for (const probe of ${JSON.stringify(probes)}) {
          const key = door.importPublicKey(bytes(probe.spki));
          const holds = await door.verifySignature(probe.algorithm, key, bytes(probe.message), bytes(probe.signature));
          if (holds !== probe.isValid) disagreeing.push(probe);
        }
        return disagreeing;
      })()`);
      assert.deepEqual(disagreeing, []);
    });
  } finally {
    await bed.close();
  }
});
