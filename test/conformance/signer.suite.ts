/** The contract of the signer port, over any adapter: what it signs verifies with the keys that it publishes, elsewhere. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { formatNote, loadTrust, parseNote, parseVkey, type TrustedKey, verifyNote, vkeyOf } from '@waybill/verify';
import type { MadeKey, Signer } from '#ports/signer.ts';
import { aroundBed } from './around-bed.ts';

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
const P256 = 'ecdsa-p256-sha256';

export interface SignerAbilities {
  /** A pending key that the log does not take is gone. Elsewhere it waits for the next rotation. */
  destroysKeys: boolean;
}

export function signerSuite(
  name: string,
  open: () => Promise<SignerBed>,
  { destroysKeys }: SignerAbilities = { destroysKeys: true },
): void {
  const withSigner = (use: (signer: Signer, bed: SignerBed) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed.signer, bed));
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
        const first = signer.pseudonym('uid-1');
        assert.notEqual(signer.pseudonym('uid-2'), first);
        assert.deepEqual([signer.pseudonym('uid-1'), again.pseudonym('uid-1')], [first, first]);
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

    it(
      'SG-06 a new key is pending: it signs statements about keys and nothing else, until the log has it',
      withSigner(async (signer, bed) => {
        const { origin, keys } = signer.trust;
        const made = await signer.makeKey('log', 'ed25519');
        const text = `${origin}/keys\n{}\n`;
        const key = parseVkey(vkeyOf(origin, Buffer.from(made.spki, 'base64')));
        const signatures = await signer.signStatement(text, [made.keyid, keys[0]?.keyid ?? '']);
        assert.equal(signatures.length, 2);
        const note = parseNote(formatNote(text, signatures));
        assert.deepEqual(await verifyNote(note, [key]), [key]);
        const hashes = async (from: Signer) => (await from.signNote(TEXT)).map(({ hash }) => hash);
        assert.ok(!(await hashes(signer)).includes(key.hash));
        assert.ok(!(await hashes(await bed.reopen())).includes(key.hash));
      }),
    );

    it(
      'SG-07 adopt puts pending keys in force and old ones out of it, for good; twice is once',
      withSigner(async (signer, bed) => {
        const [log, attest] = await Promise.all([signer.makeKey('log', 'ed25519'), signer.makeKey('attest', P256)]);
        const second = await signer.makeKey('log', P256);
        const { origin, keys } = signer.trust;
        const retired = keys.map((key) => ({ ...key, to: 5 }));
        const vkeyFor = ({ spki }: MadeKey) => vkeyOf(origin, Buffer.from(spki, 'base64'));
        const added: TrustedKey[] = [
          { use: 'log', alg: P256, keyid: second.keyid, spki: second.spki, vkey: vkeyFor(second), from: 4 },
          { use: 'log', alg: 'ed25519', keyid: log.keyid, spki: log.spki, vkey: vkeyFor(log), from: 4 },
          { use: 'attest', alg: P256, keyid: attest.keyid, spki: attest.spki, from: 4 },
        ];
        await signer.adopt([...retired, ...added]);
        await signer.adopt([...retired, ...added]);
        for (const one of [signer, await bed.reopen()]) {
          assert.equal(one.attestKeyId, attest.keyid);
          assert.deepEqual(one.trust, { ...signer.trust, keys: [...retired, ...added] });
          const noteKeys = [log, second].map((made) => parseVkey(vkeyFor(made)));
          const signed = parseNote(formatNote(TEXT, await one.signNote(TEXT)));
          assert.deepEqual(
            signed.signatures.map(({ hash }) => hash),
            noteKeys.map(({ hash }) => hash),
            'Ed25519 first',
          );
          assert.deepEqual(await verifyNote(signed, noteKeys), noteKeys);
          const before = keys.find(({ use }) => use === 'attest')?.keyid ?? '';
          const old = publicKey(one, 'attest');
          assert.equal(verify('sha256', MESSAGE, old, await one.attest(MESSAGE, before)), true, 'by the key of then');
          assert.equal(verify('sha256', MESSAGE, old, await one.attest(MESSAGE)), false);
          await assert.rejects(one.attest(MESSAGE, 'ab'.repeat(32)), { code: 'OBJECT_MISSING' });
        }
      }),
    );

    it(
      'SG-08 a pending key that the log does not have is destroyed by adopt; a key in force that is not held is refused',
      withSigner(async (signer) => {
        const made = await signer.makeKey('log', 'ed25519');
        const { keys } = signer.trust;
        await signer.adopt(keys);
        const text = `${signer.trust.origin}/keys\n{}\n`;
        await assert.rejects(signer.signStatement(text, [made.keyid]), { code: 'OBJECT_MISSING' });
        if (!destroysKeys) {
          assert.deepEqual(await signer.makeKey('log', 'ed25519'), made, 'the same waits to be taken');
          return;
        }
        const spki = Buffer.from(made.spki, 'base64');
        const vkey = vkeyOf(signer.trust.origin, spki);
        const foreign: TrustedKey = { ...made, use: 'log', vkey, from: 2 };
        await assert.rejects(signer.adopt([...keys, foreign]), { code: 'OBJECT_MISSING' });
        assert.deepEqual(signer.trust.keys, keys);
      }),
    );

    it(
      'SG-09 what is no statement about keys is not signed as one',
      withSigner(async (signer) => {
        const { origin, keys } = signer.trust;
        await assert.rejects(signer.signStatement(`${origin}\n0\n`, [keys[0]?.keyid ?? '']));
      }),
    );
  });
}
