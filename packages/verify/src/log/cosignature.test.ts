import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { formatCheckpoint } from './checkpoint.ts';
import {
  cosignedMessage,
  formatCosignature,
  formatWitnessVkey,
  parseCosignature,
  parseWitnessVkey,
  verifyCosignatures,
} from './cosignature.ts';
import { leafHash } from './merkle.ts';
import { formatNote, formatVkey, type NoteSignature, parseNote, parseVkey, verifyNote } from './note.ts';

const NAME = 'witness.test/w1';
const TEXT = formatCheckpoint({ origin: 'log.test', size: 3, root: leafHash('root'), extensions: [] });
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const RAW = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
const KEY = parseWitnessVkey(formatWitnessVkey(NAME, RAW));

function cosign(text: string, timeSeconds: number): NoteSignature {
  return formatCosignature(KEY, {
    timeSeconds,
    signature: Uint8Array.from(sign(null, cosignedMessage(text, timeSeconds), privateKey)),
  });
}

function noteWith(...signatures: NoteSignature[]) {
  return parseNote(formatNote(TEXT, signatures));
}

test('cosignatures: what is written and signed is read and verified, with its time', async () => {
  const note = noteWith(cosign(TEXT, 1_700_000_000), cosign(TEXT, 1_700_000_060));
  assert.deepEqual(await verifyCosignatures(note, [KEY]), [
    { key: KEY, timeMs: 1_700_000_000_000 },
    { key: KEY, timeMs: 1_700_000_060_000 },
  ]);
  assert.deepEqual(await verifyCosignatures(note, []), []);
});

test('cosignatures: the message is a header, the time and the whole checkpoint', () => {
  assert.equal(new TextDecoder().decode(cosignedMessage(TEXT, 7)), `cosignature/v1\ntime 7\n${TEXT}`);
  assert.throws(() => cosignedMessage('no newline', 7), { code: 'NOTE' });
});

test('cosignatures: another text, another time, or one flipped bit anywhere in the blob is refused', async () => {
  await assert.rejects(verifyCosignatures(noteWith(cosign(TEXT.replace('\n3\n', '\n4\n'), 7)), [KEY]), {
    code: 'NOTE',
  });
  const good = cosign(TEXT, 7);
  for (let bit = 0; bit < good.signature.length * 8; bit++) {
    const signature = Uint8Array.from(good.signature);
    signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7));
    await assert.rejects(verifyCosignatures(noteWith({ ...good, signature }), [KEY]), { code: 'NOTE' }, `bit ${bit}`);
  }
});

test('cosignatures: a wrong line counts against the note, whatever other lines the witness has', async () => {
  const wrong = { ...cosign(TEXT, 7), signature: new Uint8Array(72).fill(1) };
  await assert.rejects(verifyCosignatures(noteWith(cosign(TEXT, 7), wrong), [KEY]), { code: 'NOTE' });
  await assert.rejects(verifyCosignatures(noteWith(wrong, cosign(TEXT, 7)), [KEY]), { code: 'NOTE' });
});

test('cosignatures: lengths are exact, times are in the years 1970 to 9999', () => {
  const blob = cosign(TEXT, 1).signature;
  for (const length of [0, 8, 64, 71])
    assert.throws(() => parseCosignature(blob.subarray(0, length)), { code: 'NOTE' });
  assert.throws(() => parseCosignature(Uint8Array.of(...blob, 0)), { code: 'NOTE' });
  assert.equal(parseCosignature(cosign(TEXT, 253_402_300_799).signature).timeSeconds, 253_402_300_799);
  for (const time of [0, -1, 1.5, Number.NaN, 253_402_300_800]) {
    assert.throws(() => cosignedMessage(TEXT, time), { code: 'NOTE' }, String(time));
    assert.throws(() => formatCosignature(KEY, { timeSeconds: time, signature: new Uint8Array(64) }), { code: 'NOTE' });
  }
  for (const high of [0x80, 0xff, 0x7f, 0x01]) {
    assert.throws(() => parseCosignature(Uint8Array.of(high, ...blob.subarray(1))), { code: 'NOTE' }, String(high));
  }
  assert.throws(() => formatCosignature(KEY, { timeSeconds: 1, signature: new Uint8Array(63) }), { code: 'NOTE' });
});

test('cosignatures: a key of a log and a key of a witness never stand in for each other, though they be one key', async () => {
  const asLog = formatVkey(NAME, RAW);
  const asWitness = formatWitnessVkey(NAME, RAW);
  assert.throws(() => parseWitnessVkey(asLog), { code: 'NOTE' });
  assert.throws(() => parseVkey(asWitness), { code: 'NOTE' });
  assert.notEqual(parseVkey(asLog).hash, KEY.hash);
  assert.deepEqual(await verifyNote(noteWith(cosign(TEXT, 7)), [parseVkey(asLog)]), []);
  const plain = { name: NAME, hash: parseVkey(asLog).hash, signature: sign(null, Buffer.from(TEXT), privateKey) };
  assert.deepEqual(await verifyCosignatures(noteWith(plain), [KEY]), []);
});

test('witness keys: one form only', () => {
  const vkey = formatWitnessVkey(NAME, RAW);
  assert.equal(formatWitnessVkey(NAME, RAW), vkey);
  const material = vkey.split('+').slice(2).join('+');
  for (const bad of [
    '',
    NAME,
    vkey.replace(NAME, 'witness.test/w2'),
    vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
    vkey.replace(/\+[0-9a-f]{8}\+/, '+ABCDEF01+'),
    `${vkey}=`,
    `${vkey}A`,
    `a b+${vkey.split('+')[1]}+${material}`,
  ]) {
    assert.throws(() => parseWitnessVkey(bad), /EvidenceError/, bad);
  }
  for (const name of ['', 'a b', 'a+b', 'a\n']) assert.throws(() => formatWitnessVkey(name, RAW), { code: 'NOTE' });
});
