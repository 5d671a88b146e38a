import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { importPublicKey, type PublicKey, sha256Hex } from '#crypto';
import { loadTrust, type TrustFile } from '../keys/trust.ts';
import { formatVkey } from '../log/note.ts';
import { findSigners, formatEnvelope, IN_TOTO_PAYLOAD_TYPE, openEnvelope, pae, verifyEnvelope } from './dsse.ts';

interface Pair {
  keyid: string;
  publicKey: PublicKey;
  privateKey: KeyObject;
  spki: string;
}

function newPair(curve = 'prime256v1'): Pair {
  const pair = generateKeyPairSync('ec', { namedCurve: curve });
  const der = pair.publicKey.export({ type: 'spki', format: 'der' });
  return {
    privateKey: pair.privateKey,
    publicKey: importPublicKey(der),
    keyid: sha256Hex(der),
    spki: der.toString('base64'),
  };
}

const KEY = newPair();
const OTHER = newPair();
const PAYLOAD = Buffer.from('{}');

function envelope(keyid: string = KEY.keyid): ReturnType<typeof formatEnvelope> {
  return formatEnvelope(PAYLOAD, keyid, sign('sha256', pae(IN_TOTO_PAYLOAD_TYPE, PAYLOAD), KEY.privateKey));
}

test('envelopes: the signer is the key that verifies, at whatever place it stands', async () => {
  const opened = openEnvelope(envelope());
  assert.equal((await verifyEnvelope(opened, [OTHER, KEY]))?.keyid, KEY.keyid);
  assert.deepEqual(await findSigners([opened, opened], [OTHER, KEY, KEY]), [
    [KEY, KEY],
    [KEY, KEY],
  ]);
});

test('envelopes: neither naming a trusted key nor signing under another name is enough', async () => {
  for (const [keyid, keys] of [
    [OTHER.keyid, [OTHER]],
    [OTHER.keyid, [KEY]],
    [KEY.keyid, [OTHER]],
    [KEY.keyid, []],
  ] as const) {
    assert.equal(await verifyEnvelope(openEnvelope(envelope(keyid)), keys), undefined);
    assert.deepEqual(await findSigners([openEnvelope(envelope(keyid))], keys), [[]]);
  }
});

test('envelopes: every byte of payload and type is signed', async () => {
  const opened = openEnvelope(envelope());
  assert.equal(await verifyEnvelope({ ...opened, payload: Buffer.from('[]') }, [KEY]), undefined);
  assert.equal(await verifyEnvelope({ ...opened, signature: Buffer.from('not a signature') }, [KEY]), undefined);
});

test('openEnvelope: refuses every other form', () => {
  const good = envelope();
  const [signature] = good.signatures as [(typeof good.signatures)[number]];
  const bad: unknown[] = [
    null,
    [],
    { ...good, extra: 1 },
    { ...good, payloadType: 'text/plain' },
    { ...good, payload: 'e30' },
    { ...good, payload: 'e30= ' },
    { ...good, payload: 'e31=' },
    { ...good, signatures: [] },
    { ...good, signatures: [signature, signature] },
    { ...good, signatures: [{ ...signature, cert: '' }] },
    { ...good, signatures: [{ ...signature, keyid: signature.keyid.toUpperCase() }] },
  ];
  for (const value of bad) assert.throws(() => openEnvelope(value), { name: 'EvidenceError' }, JSON.stringify(value));
});

const LOG = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
const ORIGIN = 'waybill.local/log';
const TRUST: TrustFile = {
  format: 'waybill-keys/v1',
  origin: ORIGIN,
  keys: [
    { use: 'attest', alg: 'ecdsa-p256-sha256', keyid: KEY.keyid, spki: KEY.spki, from: 0 },
    {
      use: 'log',
      alg: 'ed25519',
      keyid: sha256Hex(LOG),
      spki: LOG.toString('base64'),
      vkey: formatVkey(ORIGIN, LOG.subarray(-32)),
      from: 2,
      to: 9,
    },
  ],
};

test('loadTrust: loads keys with the log indexes for which they are valid', () => {
  const { attest, log } = loadTrust(TRUST);
  assert.deepEqual(
    attest.map(({ keyid, from, to }) => [keyid, from, to]),
    [[KEY.keyid, 0, Number.MAX_SAFE_INTEGER]],
  );
  assert.deepEqual(
    log.map(({ name, from, to }) => [name, from, to]),
    [[ORIGIN, 2, 9]],
  );
});

test('loadTrust: refuses keys that are not what they say', () => {
  const [attest, log] = TRUST.keys as [TrustFile['keys'][number], TrustFile['keys'][number]];
  const other = newPair('secp384r1');
  const bad: unknown[] = [
    { ...TRUST, keys: [] },
    { ...TRUST, extra: 1 },
    { ...TRUST, keys: [{ ...attest, keyid: OTHER.keyid }] },
    { ...TRUST, keys: [{ ...attest, spki: 'AAAA', keyid: sha256Hex(Buffer.from('AAAA', 'base64')) }] },
    { ...TRUST, keys: [{ ...attest, spki: other.spki, keyid: other.keyid }] },
    { ...TRUST, keys: [{ ...attest, use: 'log' }] },
    { ...TRUST, keys: [{ ...log, vkey: formatVkey('else', LOG.subarray(-32)) }] },
    { ...TRUST, keys: [{ ...log, spki: KEY.spki, keyid: KEY.keyid }] },
    { ...TRUST, keys: [{ ...log, from: -1 }] },
  ];
  for (const value of bad) assert.throws(() => loadTrust(value), { name: 'EvidenceError' }, JSON.stringify(value));
});
