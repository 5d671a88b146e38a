import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { formatNote, type NoteAlgorithm, parseVkey, vkeyOf } from '../log/note.ts';
import { KeyHistory, type TrustedKey } from './key-history.ts';
import { type KeyEntry, type KeyStatement, keyStatementText, statementOf } from './key-statement.ts';
import type { TrustFile } from './trust.ts';

const ORIGIN = 'waybill.local/log';
const AT = '2026-11-21T05:00:00.000Z';
const P256 = 'ecdsa-p256-sha256';

interface Pair {
  alg: NoteAlgorithm;
  privateKey: KeyObject;
  spki: Buffer;
  keyid: string;
}

function pair(alg: NoteAlgorithm): Pair {
  const { privateKey, publicKey } =
    alg === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { alg, privateKey, spki, keyid: createHash('sha256').update(spki).digest('hex') };
}

const [LOG, NEXT_LOG, THIRD_LOG] = [pair('ed25519'), pair('ed25519'), pair('ed25519')];
const [ATTEST, NEXT_ATTEST] = [pair(P256), pair(P256)];

function signed(statement: KeyStatement, by: readonly Pair[], text = keyStatementText(statement)): KeyEntry {
  const signatures = by.map(({ alg, privateKey, spki }) => ({
    name: ORIGIN,
    hash: parseVkey(vkeyOf(ORIGIN, spki)).hash,
    signature: sign(alg === 'ed25519' ? null : 'sha256', Buffer.from(text), privateKey),
  }));
  return { ...statement, at: AT, note: formatNote(text, signatures) } as KeyEntry;
}

function added(use: 'attest' | 'log', { alg, keyid, spki }: Pair, from: number): KeyStatement {
  return { v: 1, origin: ORIGIN, type: 'key.added', use, alg, keyid, spki: spki.toString('base64'), from };
}

function retired(use: 'attest' | 'log', { keyid }: Pair, to: number): KeyStatement {
  return { v: 1, origin: ORIGIN, type: 'key.retired', use, keyid, to };
}

function revoked(use: 'attest' | 'log', { keyid }: Pair, to: number): KeyStatement {
  return { v: 1, origin: ORIGIN, type: 'key.revoked', use, keyid, to, reason: 'key_compromise' };
}

async function genesis(): Promise<KeyHistory> {
  const history = new KeyHistory(ORIGIN);
  await history.add(0, signed(added('log', LOG, 0), [LOG]), true);
  await history.add(1, signed(added('attest', ATTEST, 1), [ATTEST]), true);
  return history;
}

/** Also with both keys replaced, at 10 to 13. */
async function rotated(): Promise<KeyHistory> {
  const history = await genesis();
  await history.add(10, signed(added('log', NEXT_LOG, 10), [NEXT_LOG, LOG]), false);
  await history.add(11, signed(retired('log', LOG, 11), [NEXT_LOG]), false);
  await history.add(12, signed(added('attest', NEXT_ATTEST, 12), [NEXT_ATTEST, ATTEST]), false);
  await history.add(13, signed(retired('attest', ATTEST, 13), [NEXT_ATTEST]), false);
  return history;
}

function ranges(keys: readonly TrustedKey[]): [string, number, number | undefined][] {
  return keys.map(({ keyid, from, to }) => [keyid, from, to]);
}

function pinned(...keyids: string[]): Promise<TrustFile> {
  return rotated().then((history) => ({
    ...history.trustFile(),
    keys: history.keys.filter(({ keyid }) => keyids.includes(keyid)).map(({ to: _to, ...key }) => key as TrustedKey),
  }));
}

test('keys: ranges follow from the entries, a revocation reaching back', async () => {
  const history = await rotated();
  await history.add(20, signed(revoked('attest', ATTEST, 5), [NEXT_LOG]), false);
  assert.deepEqual(ranges(history.keys), [
    [LOG.keyid, 0, 11],
    [ATTEST.keyid, 1, 5],
    [NEXT_LOG.keyid, 10, undefined],
    [NEXT_ATTEST.keyid, 12, undefined],
  ]);
});

test('keys: pinned keys lead forward and back along statements that both signed, within their use', async () => {
  const history = await rotated();
  const follow = async (...keyids: string[]): Promise<string[]> =>
    history.follow(await pinned(...keyids)).trust.keys.map(({ keyid }) => keyid);
  assert.deepEqual(await follow(LOG.keyid), [LOG.keyid, NEXT_LOG.keyid]);
  assert.deepEqual(await follow(NEXT_ATTEST.keyid), [ATTEST.keyid, NEXT_ATTEST.keyid]);
  const { unreached } = history.follow(await pinned(LOG.keyid));
  assert.deepEqual(unreached, [ATTEST.keyid, NEXT_ATTEST.keyid]);
});

test('keys: what was pinned narrower than the log stays narrow, and a pinned key that the log lacks is named', async () => {
  const history = await rotated();
  const file = await pinned(LOG.keyid);
  const narrow = { ...file, keys: file.keys.map((key) => ({ ...key, to: 4 })) };
  assert.deepEqual(ranges(history.follow(narrow).trust.keys), [
    [LOG.keyid, 0, 4],
    [NEXT_LOG.keyid, 10, undefined],
  ]);
  const stranger = pair('ed25519');
  const foreign = { ...file, keys: [{ ...(file.keys[0] as TrustedKey), keyid: stranger.keyid }] };
  assert.deepEqual(history.follow(foreign).unknown, [stranger.keyid]);
});

const REFUSED: [string, () => Promise<KeyHistory>, number, () => KeyEntry][] = [
  ['a key that does not sign for itself', genesis, 2, () => signed(added('log', NEXT_LOG, 2), [LOG])],
  ['a key that no old one signs for', genesis, 2, () => signed(added('log', NEXT_LOG, 2), [NEXT_LOG])],
  [
    'a key that one of the other use signs for',
    genesis,
    2,
    () => signed(added('log', NEXT_LOG, 2), [NEXT_LOG, ATTEST]),
  ],
  ['a key that a retired one signs for', rotated, 14, () => signed(added('log', THIRD_LOG, 14), [THIRD_LOG, LOG])],
  ['a key that is valid from another index', genesis, 3, () => signed(added('log', NEXT_LOG, 2), [NEXT_LOG, LOG])],
  ['a key that was there before', rotated, 14, () => signed(added('log', LOG, 14), [LOG, NEXT_LOG])],
  ['an attest key that is not on P-256', genesis, 2, () => signed(added('attest', NEXT_LOG, 2), [NEXT_LOG, ATTEST])],
  [
    'a key id of another key',
    genesis,
    2,
    () => signed({ ...added('log', NEXT_LOG, 2), keyid: ATTEST.keyid } as KeyStatement, [NEXT_LOG, LOG]),
  ],
  [
    'a statement about something else',
    genesis,
    2,
    () => signed(added('log', NEXT_LOG, 2), [NEXT_LOG, LOG], keyStatementText(added('log', NEXT_LOG, 3))),
  ],
  [
    'an entry of another log',
    genesis,
    2,
    () => ({ ...signed(added('log', NEXT_LOG, 2), [NEXT_LOG, LOG]), origin: 'waybill.local/else' }),
  ],
  ['the retirement of the last key', genesis, 2, () => signed(retired('log', LOG, 2), [LOG])],
  ['a retirement twice', rotated, 14, () => signed(retired('log', LOG, 14), [NEXT_LOG])],
  ['a retirement of a key that never came', rotated, 14, () => signed(retired('log', THIRD_LOG, 14), [NEXT_LOG])],
  ['a retirement signed by the retired key', rotated, 14, () => signed(retired('log', NEXT_LOG, 14), [LOG])],
  ['a revocation signed by the revoked key', rotated, 14, () => signed(revoked('log', LOG, 3), [LOG])],
  ['a revocation signed by an attest key', rotated, 14, () => signed(revoked('log', LOG, 3), [NEXT_ATTEST])],
  ['a revocation of the last key', genesis, 2, () => signed(revoked('attest', ATTEST, 2), [LOG])],
  ['a revocation beyond the end', rotated, 14, () => signed(revoked('attest', ATTEST, 15), [NEXT_LOG])],
  ['a revocation later than the retirement', rotated, 20, () => signed(revoked('attest', ATTEST, 14), [NEXT_LOG])],
];

for (const [title, start, index, entry] of REFUSED) {
  test(`keys: ${title} is refused, and changes nothing`, async () => {
    const history = await start();
    const before = history.keys;
    await assert.rejects(history.add(index, entry(), false), { name: /Contradiction|EvidenceError/ });
    assert.deepEqual(history.keys, before);
  });
}

test('keys: the first key of a use comes before any run, or not at all', async () => {
  const history = new KeyHistory(ORIGIN);
  await assert.rejects(history.add(0, signed(added('log', LOG, 0), [LOG]), false), /when runs have been entered/);
});

test('keys: a statement is the entry without note and time', () => {
  const statement = added('log', LOG, 0);
  assert.deepEqual(statementOf(signed(statement, [LOG])), statement);
  assert.ok(keyStatementText(statement).startsWith(`${ORIGIN}/keys\n{"alg":`));
});
