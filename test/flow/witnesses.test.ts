import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import { evaluateQuorum, formatNote, parseNote, parseTlogPolicy } from '@waybill/verify';
import { openHttpWitness } from '#adapters/http/witness.ts';
import { askWitnesses, type WitnessRound } from '#flow/witnesses.ts';
import { type CosignRequest, type Witness, WitnessConflict } from '#ports/witness.ts';
import { SampleLog } from '../support/sample-log.ts';
import { startWitness } from '../support/witness-server.ts';

/** Answers each call with the next of `answers`: a size last seen, or null for a cosignature. */
function scripted(name: string, ...answers: (number | null)[]): Witness & { asked: number[] } {
  const asked: number[] = [];
  return {
    name,
    asked,
    async cosign({ oldSize }: CosignRequest) {
      asked.push(oldSize);
      const answer = answers.shift();
      assert.notEqual(answer, undefined, 'asked once too often');
      if (typeof answer === 'number') throw new WitnessConflict(name, answer);
      return [{ name, hash: 1, signature: new Uint8Array(72) }];
    },
  };
}

function roundOf(log: SampleLog, witnesses: Witness[], sizes = new Map<string, number>()): WitnessRound {
  const proofFrom = (oldSize: number) => log.proof(oldSize);
  return { witnesses, checkpoint: log.checkpoint(), size: log.size, proofFrom, sizes };
}

test('witnesses: one that saw another size last is asked once more from there, and the size is remembered', async () => {
  const log = new SampleLog().grow(9);
  const witness = scripted('w1', 4, null, null);
  const round = roundOf(log, [witness]);
  assert.equal((await askWitnesses(round)).cosignatures.length, 1);
  log.grow(3);
  assert.equal((await askWitnesses(roundOf(log, [witness], round.sizes))).cosignatures.length, 1);
  assert.deepEqual(witness.asked, [0, 4, 9]);
});

test('witnesses: a second conflict is given up, so that no witness keeps us going in circles', async () => {
  const witness = scripted('w1', 4, 5);
  const { cosignatures, refusals } = await askWitnesses(roundOf(new SampleLog().grow(9), [witness]));
  assert.deepEqual([cosignatures.length, refusals[0]?.error.code], [0, 'WITNESS_CONFLICT']);
});

test('witnesses: one that has seen more than there is here is reported and not asked again', async () => {
  const witness = scripted('w1', 10);
  const { refusals } = await askWitnesses(roundOf(new SampleLog().grow(9), [witness]));
  assert.equal(refusals[0]?.error.code, 'WITNESS_DISAGREES');
  assert.deepEqual(witness.asked, [0]);
});

test('witnesses: a remembered size that is larger than the log asks for no proof into the past', async () => {
  const witness = scripted('w1', 12);
  const sizes = new Map([['w1', 12]]);
  const { refusals } = await askWitnesses(roundOf(new SampleLog().grow(9), [witness], sizes));
  assert.deepEqual([refusals[0]?.error.code, witness.asked], ['WITNESS_DISAGREES', [9]]);
});

test('witnesses: what a witness throws by mistake is not swallowed as its refusal', async () => {
  const broken: Witness = { name: 'w1', cosign: async () => Promise.reject(new TypeError('defect')) };
  await assert.rejects(askWitnesses(roundOf(new SampleLog().grow(1), [broken])), TypeError);
});

test('witnesses: three servers over the life of a log give a checkpoint that meets a policy of any two', async () => {
  const log = new SampleLog();
  const servers = await Promise.all(
    ['a', 'b', 'c'].map((name) => startWitness({ origin: log.origin, logVkey: log.vkey, name: `${name}.test` })),
  );
  const witnesses = servers.map(({ url, vkey }, n) => openHttpWitness({ name: `w${n}`, url, vkey, timeoutMs: 2_000 }));
  const lines = servers.map(({ vkey }, n) => `witness w${n} ${vkey}\n`).join('');
  const policy = parseTlogPolicy(`log ${log.vkey}\n${lines}group two 2 w0 w1 w2\nquorum two\n`);
  const sizes = new Map<string, number>();
  try {
    for (const [growth, alive] of [
      [5, 3],
      [1, 3],
      [90, 2],
      [7, 1],
    ] as const) {
      while (servers.length > alive) await servers.pop()?.stop();
      log.grow(growth);
      const { cosignatures, refusals } = await askWitnesses(roundOf(log, witnesses, sizes));
      assert.equal(cosignatures.length, alive);
      assert.ok(refusals.every(({ error }) => error instanceof WaybillError && error.code === 'WITNESS_UNREACHABLE'));
      const { text, signatures } = parseNote(log.checkpoint());
      const note = parseNote(formatNote(text, [...signatures, ...cosignatures]));
      const { met, k, n } = await evaluateQuorum(policy, note, log.origin);
      assert.deepEqual([met, k, n], [alive >= 2, alive, 3]);
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});
