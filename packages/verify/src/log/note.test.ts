import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { leafHash } from './merkle.ts';
import {
  formatNote,
  formatVkey,
  type NoteSignature,
  noteKeyHash,
  parseNote,
  parseVkey,
  verifyNote,
  vkeyOf,
} from './note.ts';
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts';

const NAME = 'waybill.local/log';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const RAW = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
const KEY = parseVkey(formatVkey(NAME, RAW));
const TEXT = formatCheckpoint({ origin: NAME, size: 3, root: leafHash('root'), extensions: [] });

function signature(text: string): NoteSignature {
  return { name: NAME, hash: noteKeyHash(NAME, RAW), signature: sign(null, Buffer.from(text), privateKey) };
}

test('notes: what is written and signed is read and verified', async () => {
  const note = parseNote(formatNote(TEXT, [signature(TEXT)]));
  assert.equal(note.text, TEXT);
  assert.deepEqual(await verifyNote(note, [KEY]), [KEY]);
});

test('notes: a signature over another text is refused, one by an unknown key is passed over', async () => {
  const note = parseNote(formatNote(TEXT, [signature(`${TEXT}x\n`)]));
  await assert.rejects(verifyNote(note, [KEY]), { code: 'NOTE' });
  assert.deepEqual(await verifyNote(note, []), []);
});

test('notes: the text ends at the last empty line', () => {
  const text = 'first\n\nsecond\n';
  assert.equal(parseNote(formatNote(text, [signature(text)])).text, text);
});

test('notes: a text that no reader would take back cannot be written', () => {
  for (const text of ['no newline', 'a\rb\n', 'a\u007f\n', '\ud800\n']) {
    assert.throws(() => formatNote(text, [signature(text)]), { code: 'NOTE' });
  }
});

test('notes: the size limit is exact', () => {
  const fitting = (bytes: number): string => {
    const overhead = Buffer.byteLength(formatNote('\n', [signature('\n')]));
    const text = `${'a'.repeat(bytes - overhead)}\n`;
    return formatNote(text, [signature(text)]);
  };
  assert.ok(parseNote(fitting(131_072)));
  assert.throws(() => parseNote(fitting(131_073)), { code: 'NOTE' });
});

test('verifier keys: names with separators, wrong hashes and other algorithms are refused', () => {
  const vkey = formatVkey(NAME, RAW);
  for (const name of ['', 'a b', 'a+b', 'a\n']) assert.throws(() => formatVkey(name, RAW), { code: 'NOTE' });
  assert.throws(() => parseVkey(vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')), { code: 'NOTE' });
  assert.throws(() => parseVkey(`${NAME}+${'0'.repeat(8)}+${Buffer.concat([Buffer.of(4), RAW]).toString('base64')}`), {
    code: 'NOTE',
  });
});

test('notes: an ECDSA P-256 key is another line of the same note, verified by its own algorithm', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const key = parseVkey(vkeyOf(NAME, spki));
  assert.equal(
    key.hash,
    createHash('sha256').update(spki).digest().readUInt32BE(0),
    'the first bytes of SHA-256(SPKI)',
  );
  const second = { name: NAME, hash: key.hash, signature: sign('sha256', Buffer.from(TEXT), pair.privateKey) };
  const note = parseNote(formatNote(TEXT, [signature(TEXT), second]));
  assert.deepEqual(await verifyNote(note, [KEY, key]), [KEY, key]);
  const broken = { ...second, signature: sign('sha256', Buffer.from('else'), pair.privateKey) };
  await assert.rejects(verifyNote(parseNote(formatNote(TEXT, [broken])), [key]), { code: 'NOTE' });
  await assert.rejects(
    verifyNote(parseNote(formatNote(TEXT, [{ ...second, ...signature(TEXT), hash: key.hash }])), [key]),
  );
});

test('verifier keys: what is no point of P-256 or another curve is refused', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey.export({ type: 'spki', format: 'der' });
  assert.throws(() => vkeyOf(NAME, p384), { code: 'NOTE' });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({
    type: 'spki',
    format: 'der',
  });
  const off = Uint8Array.from(p256).fill(1, 28);
  assert.throws(() => parseVkey(vkeyOf(NAME, off)), { code: 'KEYS' });
  assert.equal(vkeyOf(NAME, publicKey.export({ type: 'spki', format: 'der' })), formatVkey(NAME, RAW));
});

test('checkpoints: what is written is read', () => {
  assert.deepEqual(formatCheckpoint(parseCheckpoint(TEXT)), TEXT);
  const extended = { origin: NAME, size: 0, root: leafHash(''), extensions: ['extra'] };
  assert.deepEqual(parseCheckpoint(formatCheckpoint(extended)).extensions, ['extra']);
  for (const size of ['03', '-1', '1e3', '9007199254740992', '']) {
    assert.throws(() => parseCheckpoint(TEXT.replace('\n3\n', `\n${size}\n`)), { code: 'CHECKPOINT' });
  }
});

test('log proofs: what is written is read, up to 64 hashes', () => {
  const proof = { index: 5, hashes: Array<Uint8Array>(64).fill(leafHash('a')), checkpoint: formatNote(TEXT, []) };
  assert.deepEqual(formatTlogProof(parseTlogProof(formatTlogProof(proof))), formatTlogProof(proof));
  const extra = { ...proof, extra: Buffer.from('more') };
  assert.deepEqual(formatTlogProof(parseTlogProof(formatTlogProof(extra))), formatTlogProof(extra));
  const long = formatTlogProof({ ...proof, hashes: [...proof.hashes, leafHash('b')] });
  assert.throws(() => parseTlogProof(long), { code: 'LOG_PROOF' });
});
