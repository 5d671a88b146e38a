import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type NoteKey,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  parseVkey,
  parseWitnessVkey,
  verifyCosignatures,
  verifyNote,
  type WitnessKey,
} from '@waybill/verify';
import { readJson, skip } from './vectors.ts';

interface NoteCase {
  desc: string;
  kind?: 'vkey' | 'checkpoint';
  vkeys: string[];
  note?: string;
  noteHex?: string;
  valid: boolean;
  verifiedCount?: number;
  /** Seconds. */
  cosigTime?: number;
}

async function holds(act: () => unknown): Promise<boolean> {
  try {
    await act();
    return true;
  } catch {
    return false;
  }
}

/** Keys of logs (0x01, 0x02) and of witnesses (0x04) are read by two functions, so that neither passes for the other. */
function keysOf(vkeys: readonly string[]): { logs: NoteKey[]; witnesses: WitnessKey[] } {
  const isWitness = (vkey: string): boolean => Buffer.from(vkey.split('+').slice(2).join('+'), 'base64')[0] === 0x04;
  return {
    logs: vkeys.filter((vkey) => !isWitness(vkey)).map(parseVkey),
    witnesses: vkeys.filter(isWitness).map(parseWitnessVkey),
  };
}

async function judge({ kind, vkeys, note, noteHex, verifiedCount, cosigTime }: NoteCase): Promise<void> {
  const { logs, witnesses } = keysOf(vkeys);
  if (kind === 'vkey') {
    assert.equal(logs.length + witnesses.length, 1);
    return;
  }
  const parsed = parseNote(noteHex === undefined ? (note as string) : Buffer.from(noteHex, 'hex'));
  const witnessings = await verifyCosignatures(parsed, witnesses);
  const verified = (await verifyNote(parsed, logs)).length + witnessings.length;
  assert.ok(verified > 0);
  assert.equal(verified, verifiedCount ?? verified);
  if (cosigTime !== undefined) assert.equal(witnessings[0]?.timeMs, cosigTime * 1000);
}

for (const { file, count } of [
  { file: 'signed-note.json', count: 37 },
  { file: 'cosignature.json', count: 5 },
]) {
  test(`notes: agrees with all ${count} cases of ${file}: Ed25519, ECDSA and witness keys`, { skip }, async () => {
    const { cases } = readJson<{ cases: NoteCase[] }>(`c2sp-notes/${file}`);
    assert.equal(cases.length, count);
    for (const one of cases) assert.equal(await holds(() => judge(one)), one.valid, one.desc);
  });
}

test('notes: a verifier key is read as what its algorithm byte says, and as nothing else', { skip }, () => {
  const { cases } = readJson<{ cases: NoteCase[] }>('c2sp-notes/signed-note.json');
  const valid = cases.filter(({ kind, valid }) => kind === 'vkey' && valid).flatMap(({ vkeys }) => vkeys);
  assert.equal(valid.length, 5);
  for (const vkey of valid) {
    const { logs, witnesses } = keysOf([vkey]);
    const other = logs.length > 0 ? parseWitnessVkey : parseVkey;
    assert.equal(logs.length + witnesses.length, 1);
    assert.throws(() => other(vkey), { code: 'NOTE' }, vkey);
  }
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
