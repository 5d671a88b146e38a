import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { evaluateQuorum, formatNote, parseNote, parseTlogPolicy } from '@waybill/verify';
import { openHttpWitness } from '#adapters/http/witness.ts';
import { askWitness } from '#flow/ask-witness.ts';
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

function show(log: SampleLog, witness: Witness, seen = 0) {
  const proofFrom = (oldSize: number) => log.proof(oldSize);
  return askWitness(witness, { checkpoint: log.checkpoint(), size: log.size, seen, proofFrom });
}

test('asking a witness: one that saw another size last is asked once more, from there', async () => {
  const witness = scripted('w1', 4, null, null);
  const log = new SampleLog().grow(9);
  assert.equal((await show(log, witness)).length, 1);
  assert.equal((await show(log.grow(3), witness, 9)).length, 1);
  assert.deepEqual(witness.asked, [0, 4, 9]);
});

test('asking a witness: one that forgot what it saw is asked from nothing', async () => {
  const witness = scripted('w1', 0, null);
  await show(new SampleLog().grow(9), witness, 7);
  assert.deepEqual(witness.asked, [7, 0]);
});

test('asking a witness: a second conflict is given up, so that no witness keeps us going in circles', async () => {
  await assert.rejects(show(new SampleLog().grow(9), scripted('w1', 4, 5)), { code: 'WITNESS_CONFLICT', size: 5 });
});

test('asking a witness: one that has seen more than there is here disagrees, and is asked for no proof into the past', async () => {
  for (const [seen, asked] of [
    [0, 0],
    [12, 9],
  ] as const) {
    const witness = scripted('w1', 12);
    await assert.rejects(show(new SampleLog().grow(9), witness, seen), { code: 'WITNESS_DISAGREES', retryable: false });
    assert.deepEqual(witness.asked, [asked]);
  }
});

test('asking witnesses: one that is silent and one that lies cost their own cosignatures, and the others come in time', async () => {
  const log = new SampleLog().grow(6);
  const honest = await startWitness({ origin: log.origin, logVkey: log.vkey, name: 'honest.test' });
  const liar = createServer((_, response) => response.end('— liar.test AAAA\n'));
  const silent = createServer(() => {});
  const urls = await Promise.all([silent, liar].map(listen));
  const witnesses = [...urls, honest.url].map((url, n) =>
    openHttpWitness({ name: `w${n}`, url, vkey: honest.vkey, timeoutMs: 1_000 }),
  );
  try {
    const started = performance.now();
    const answers = await Promise.allSettled(witnesses.map((witness) => show(log, witness)));
    assert.deepEqual(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.length : answer.reason.code)),
      ['WITNESS_UNREACHABLE', 'WITNESS_INVALID', 1],
    );
    assert.ok(performance.now() - started < 5_000);
  } finally {
    await honest.stop();
    for (const server of [silent, liar]) {
      server.closeAllConnections();
      server.close();
    }
  }
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('asking witnesses: three servers over the life of a log give a checkpoint that meets a policy of any two', async () => {
  const log = new SampleLog();
  const servers = await Promise.all(
    ['a', 'b', 'c'].map((name) => startWitness({ origin: log.origin, logVkey: log.vkey, name: `${name}.test` })),
  );
  const witnesses = servers.map(({ url, vkey }, n) => openHttpWitness({ name: `w${n}`, url, vkey, timeoutMs: 5_000 }));
  const lines = servers.map(({ vkey }, n) => `witness w${n} ${vkey}\n`).join('');
  const policy = parseTlogPolicy(`log ${log.vkey}\n${lines}group two 2 w0 w1 w2\nquorum two\n`);
  try {
    for (const [growth, alive] of [
      [5, 3],
      [1, 3],
      [90, 2],
      [7, 1],
    ] as const) {
      while (servers.length > alive) await servers.pop()?.stop();
      log.grow(growth);
      const answers = await Promise.allSettled(witnesses.map((witness) => show(log, witness)));
      const cosignatures = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      assert.equal(cosignatures.length, alive);
      const { text, signatures } = parseNote(log.checkpoint());
      const note = parseNote(formatNote(text, [...signatures, ...cosignatures]));
      const { met, k, n } = await evaluateQuorum(policy, note, log.origin);
      assert.deepEqual([met, k, n], [alive >= 2, alive, 3]);
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});
