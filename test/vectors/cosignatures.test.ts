import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EvidenceError,
  evaluateQuorum,
  parseNote,
  parseTlogPolicy,
  parseVkey,
  parseWitnessVkey,
  verifyCosignatures,
  verifyNote,
} from '@waybill/verify';
import { readJson, skip } from './vectors.ts';

interface CosignatureCase {
  desc: string;
  vkeys: string[];
  note: string;
  valid: boolean;
  verifiedCount?: number;
  cosigTime?: number;
}

const readCases = () => readJson<{ cases: CosignatureCase[] }>('c2sp-notes/cosignature.json').cases;

/** By the byte before the key: 0x04 is a witness, all else has to be a log. */
function isWitness(vkey: string): boolean {
  return Buffer.from(vkey.split('+').slice(2).join('+'), 'base64')[0] === 0x04;
}

async function judge({ note, vkeys }: CosignatureCase): Promise<{ verified: number; times: number[] }> {
  const parsed = parseNote(note);
  const logs = vkeys.filter((vkey) => !isWitness(vkey)).map(parseVkey);
  const witnesses = vkeys.filter(isWitness).map(parseWitnessVkey);
  const seen = await verifyCosignatures(parsed, witnesses);
  const signed = await verifyNote(parsed, logs);
  return { verified: seen.length + signed.length, times: seen.map(({ timeMs }) => timeMs / 1000) };
}

test('cosignatures: agrees with the published cases, times included', { skip }, async () => {
  const cases = readCases();
  assert.equal(cases.length, 5);
  for (const one of cases) {
    const judged = await judge(one).catch((error: unknown) => {
      assert.ok(error instanceof EvidenceError, String(error));
      return { verified: 0, times: [] };
    });
    assert.equal(judged.verified > 0, one.valid, one.desc);
    if (one.verifiedCount !== undefined) assert.equal(judged.verified, one.verifiedCount, one.desc);
    if (one.cosigTime !== undefined) assert.deepEqual(judged.times, [one.cosigTime], one.desc);
  }
});

test('quorum: a cosignature of a real witness meets a policy that names it', { skip }, async () => {
  const real = readCases()[0] as CosignatureCase;
  const [log = '', witness = ''] = real.vkeys;
  const policy = parseTlogPolicy(`log ${log}\nwitness one ${witness}\nquorum one\n`);
  const note = parseNote(real.note);
  const result = await evaluateQuorum(policy, note, note.text.split('\n')[0] as string);
  assert.deepEqual([result.met, result.k, result.n], [true, 1, 1]);
  assert.equal(result.seenByMs, (real.cosigTime ?? 0) * 1000 + 999);
});
