import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCheckpoint, parseNote, parseTlogProof, parseVkey, verifyNote } from '@waybill/verify';
import { readJson, skip } from './vectors.ts';

interface NoteCase {
  desc: string;
  kind?: 'vkey' | 'checkpoint';
  vkeys: string[];
  note?: string;
  noteHex?: string;
  valid: boolean;
  verifiedCount?: number;
}

async function holds(act: () => unknown): Promise<boolean> {
  try {
    await act();
    return true;
  } catch {
    return false;
  }
}

function algorithmOf(vkey: string): number | undefined {
  return Buffer.from(vkey.split('+').slice(2).join('+'), 'base64')[0];
}

/** Ed25519 (0x01) and ECDSA (0x02), the algorithms that notes of this project use. */
function isKnownAlgorithm(vkey: string): boolean {
  return [0x01, 0x02].includes(algorithmOf(vkey) ?? 0);
}

function isEd25519(vkey: string): boolean {
  return algorithmOf(vkey) === 0x01;
}

async function judge({ kind, vkeys, note, noteHex, verifiedCount }: NoteCase): Promise<void> {
  if (kind === 'vkey') {
    assert.ok(vkeys.map(parseVkey).length > 0);
    return;
  }
  const parsed = parseNote(noteHex === undefined ? (note as string) : Buffer.from(noteHex, 'hex'));
  const verified = (await verifyNote(parsed, vkeys.map(parseVkey))).length;
  assert.ok(verified > 0);
  assert.equal(verified, verifiedCount ?? verified);
}

test('signed notes: agrees with the published cases for Ed25519 and ECDSA keys, and refuses other algorithms', {
  skip,
}, async () => {
  const { cases } = readJson<{ cases: NoteCase[] }>('c2sp-notes/signed-note.json');
  assert.equal(cases.length, 37);
  let known = 0;
  for (const one of cases) {
    const isKnown = one.vkeys.every(isKnownAlgorithm);
    known += isKnown ? 1 : 0;
    assert.equal(await holds(() => judge(one)), one.valid && isKnown, one.desc);
  }
  assert.equal(known, 32);
});

test('signed notes: a witness key listed as a log key does not verify a cosignature', { skip }, async () => {
  const { cases } = readJson<{ cases: NoteCase[] }>('c2sp-notes/cosignature.json');
  const disguised = cases.filter(({ vkeys }) => vkeys.every(isEd25519));
  assert.equal(disguised.length, 1);
  for (const one of disguised) assert.equal(await holds(() => judge(one)), false, one.desc);
});

test('parseCheckpoint: agrees with the published cases, strictly', { skip }, async () => {
  const { cases } = readJson<{ cases: { desc: string; text: string; validStrict: boolean }[] }>(
    'c2sp-notes/checkpoint-body.json',
  );
  assert.equal(cases.length, 15);
  for (const { desc, text, validStrict } of cases)
    assert.equal(await holds(() => parseCheckpoint(text)), validStrict, desc);
});

test('parseTlogProof: agrees with the published cases', { skip }, async () => {
  const { cases } = readJson<{ cases: { desc: string; proof: string; valid: boolean }[] }>(
    'c2sp-notes/tlog-proof.json',
  );
  assert.equal(cases.length, 11);
  for (const { desc, proof, valid } of cases) assert.equal(await holds(() => parseTlogProof(proof)), valid, desc);
});
