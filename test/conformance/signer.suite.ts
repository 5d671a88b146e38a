/** The contract of the signer port, over any adapter: what it signs verifies with the keys that it publishes, elsewhere. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { loadTrust, parseVkey } from '@waybill/verify';
import type { Signer } from '#ports/signer.ts';

export interface SignerBed {
  signer: Signer;
  /** The same keys through a new adapter. */
  reopen(): Promise<Signer>;
  /** Another deployment. */
  other(): Promise<Signer>;
  close(): Promise<void>;
}

const MESSAGE = Buffer.from('a statement');
const TEXT = 'a note\n';

export function signerSuite(name: string, open: () => Promise<SignerBed>): void {
  const withSigner = (use: (signer: Signer, bed: SignerBed) => Promise<void>) => async () => {
    const bed = await open();
    try {
      await use(bed.signer, bed);
    } finally {
      await bed.close();
    }
  };
  const publicKey = (signer: Signer, use: 'attest' | 'log') => {
    const key = signer.trust.keys.find((each) => each.use === use);
    return createPublicKey({ key: Buffer.from(key?.spki ?? '', 'base64'), format: 'der', type: 'spki' });
  };

  describe(`signer: ${name}`, () => {
    it(
      'SG-01 attest signs P-256 with SHA-256 in DER, by the published attest key',
      withSigner(async (signer) => {
        const signature = await signer.attest(MESSAGE);
        assert.equal(verify('sha256', MESSAGE, publicKey(signer, 'attest'), signature), true);
        assert.equal(verify('sha256', Buffer.from('another'), publicKey(signer, 'attest'), signature), false);
      }),
    );

    it(
      'SG-02 signNote signs with the published log key, Ed25519 first, under the name of the log',
      withSigner(async (signer) => {
        const [first] = await signer.signNote(TEXT);
        assert.equal(first?.name, signer.trust.origin);
        assert.equal(first?.signature.byteLength, 64);
        assert.equal(verify(null, Buffer.from(TEXT), publicKey(signer, 'log'), first?.signature ?? MESSAGE), true);
      }),
    );

    it(
      'SG-03 the trust file loads, names the attest key and the log key, and holds nothing private',
      withSigner(async (signer) => {
        const trust = loadTrust(signer.trust);
        assert.equal(trust.attest[0]?.keyid, signer.attestKeyId);
        const log = signer.trust.keys.find((key) => key.use === 'log');
        const [signed] = await signer.signNote(TEXT);
        assert.equal(parseVkey(log?.use === 'log' ? log.vkey : '').hash, signed?.hash);
        assert.doesNotMatch(JSON.stringify(signer.trust), /PRIVATE/);
      }),
    );

    it(
      'SG-04 the keys and pseudonyms of a deployment stay the same',
      withSigner(async (signer, bed) => {
        const again = await bed.reopen();
        assert.deepEqual(again.trust, signer.trust);
        assert.equal(again.pseudonym('uid-1'), signer.pseudonym('uid-1'));
      }),
    );

    it(
      'SG-05 another deployment has other keys and other pseudonyms',
      withSigner(async (signer, bed) => {
        const other = await bed.other();
        assert.notEqual(other.attestKeyId, signer.attestKeyId);
        assert.notEqual(other.pseudonym('uid-1'), signer.pseudonym('uid-1'));
        assert.match(signer.pseudonym('uid-1'), /^[0-9a-f]{64}$/);
      }),
    );
  });
}
