import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { equalBytes, toBase64 } from '@waybill/verify';
import fc from 'fast-check';
import { SampleLog } from '../../../test/support/sample-log.ts';
import { openState } from './state.ts';
import { createWitness, logKeysOf, type Witness } from './witness.ts';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
after(() => rmSync(DIRECTORY, { recursive: true }));
const NOW_MS = Date.UTC(2026, 10, 21);

let made = 0;
function freshState() {
  made += 1;
  return openState(join(DIRECTORY, String(made)), 'witness.test/w1');
}

async function ask(witness: Witness, body: string) {
  return witness.addCheckpoint(new TextEncoder().encode(body));
}

test('witness: a fork of the newest size is refused with 409, and both notes are kept as they were signed', async () => {
  const log = new SampleLog().grow(7);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]), () => NOW_MS);
  await ask(witness, await log.request(0, 7));
  const forked = log.fork(6).grow(1, 'another');
  for (const oldSize of [7, 7, 0]) {
    const { status, body } = await ask(witness, (await forked.request(7)).replace('old 7', `old ${oldSize}`));
    assert.deepEqual([status, body], [409, '7\n']);
  }
  const [conflict, ...more] = state.conflicts();
  assert.deepEqual(more, [], 'the same fork is kept once');
  assert.deepEqual(conflict, {
    kind: 'fork',
    origin: log.origin,
    size: 7,
    seen: log.checkpoint(7),
    refused: forked.checkpoint(7),
    timeSeconds: NOW_MS / 1000,
  });
  assert.equal(witness.status().forks, 1);
  assert.ok(equalBytes(state.head(log.origin)?.root ?? new Uint8Array(), log.root(7)));
  state.close();
});

test('witness: an extension that cannot be proved is refused with 422 and kept, but counted as no fork', async () => {
  const log = new SampleLog().grow(7);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]), () => NOW_MS);
  await ask(witness, await log.request(0, 7));
  const forked = log.fork(6).grow(5, 'another');
  const noProof = `old 7\n\n${log.grow(2).checkpoint()}`;
  for (const body of [await forked.request(7), noProof]) assert.equal((await ask(witness, body)).status, 422);
  assert.deepEqual(
    state.conflicts().map(({ kind, size }) => [kind, size]),
    [
      ['unproved', 11],
      ['unproved', 9],
    ],
  );
  assert.equal(witness.status().forks, 0);
  assert.equal((await ask(witness, await log.request(7))).status, 200);
  state.close();
});

test('witness: a log that forks on and on is convicted a hundred times and fills no disk', async () => {
  const log = new SampleLog().grow(2);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]), () => NOW_MS);
  await ask(witness, await log.request(0));
  for (let n = 0; n < 120; n++) {
    const forked = log.fork(1).grow(1, `another ${n}`);
    assert.equal((await ask(witness, await forked.request(2))).status, 409);
  }
  assert.deepEqual([state.conflicts().length, witness.status().forks], [100, 100]);
  state.close();
});

test('witness: a proof from nothing, and a proof between two of one size, has to be empty', async () => {
  const log = new SampleLog().grow(4);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]));
  const hash = `${toBase64(new Uint8Array(32))}\n`;
  assert.equal((await ask(witness, `old 0\n${hash}\n${log.checkpoint()}`)).status, 422);
  assert.equal((await ask(witness, `old 0\n\n${log.checkpoint()}`)).status, 200);
  assert.equal((await ask(witness, `old 4\n${hash}\n${log.checkpoint()}`)).status, 422);
  state.close();
});

test('witness: the empty tree is cosigned under its one root', async () => {
  const log = new SampleLog();
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]));
  const wrong = log.sign(`${log.origin}\n0\n${toBase64(new Uint8Array(32))}\n`);
  assert.equal((await ask(witness, `old 0\n\n${wrong}`)).status, 409);
  assert.equal((await ask(witness, await log.request(0))).status, 200);
  assert.equal((await ask(witness, await log.grow(1).request(0))).status, 200);
  state.close();
});

test('witness: of the notes it keeps only what it verified', async () => {
  const log = new SampleLog().grow(2);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([log.vkey]));
  const junk = `— somebody.else ${toBase64(new Uint8Array(68))}\n`;
  const again = log.checkpoint().split('\n\n')[1];
  assert.equal((await ask(witness, `${await log.request(0)}${junk}${again}`)).status, 200);
  assert.equal(state.head(log.origin)?.note, log.checkpoint());
  state.close();
});

test('witness: two keys of one log are both its keys, and one wrong signature spoils a checkpoint', async () => {
  const old = new SampleLog().grow(2);
  const next = new SampleLog().grow(2);
  const state = freshState();
  const witness = createWitness(state, logKeysOf([old.vkey, next.vkey]));
  assert.equal((await ask(witness, await old.request(0))).status, 200);
  assert.equal((await ask(witness, await next.request(2))).status, 200);
  const wrong = old.sign('x\n').split('\n\n')[1];
  assert.equal((await ask(witness, `${await next.request(2)}${wrong}`)).status, 403);
  state.close();
});

test('witness: a clock that was set back a little repeats a time, one that was set back far signs nothing', async () => {
  const log = new SampleLog().grow(2);
  const state = freshState();
  let nowMs = NOW_MS;
  const witness = createWitness(state, logKeysOf([log.vkey]), () => nowMs);
  await ask(witness, await log.request(0));
  nowMs -= 5_000;
  assert.equal((await ask(witness, await log.request(2))).status, 200);
  assert.equal(state.head(log.origin)?.timeSeconds, NOW_MS / 1000);
  nowMs -= 1_000;
  await assert.rejects(ask(witness, await log.request(2)), { code: 'CLOCK_BACK' });
  state.close();
});

test('witness: nothing is answered when the state cannot be stored', async () => {
  const log = new SampleLog().grow(2);
  const state = freshState();
  const full = { ...state, advance: () => assert.fail('disk full') };
  await assert.rejects(ask(createWitness(full, logKeysOf([log.vkey])), await log.request(0)), /disk full/);
  assert.equal(state.head(log.origin), null);
  state.close();
});

/** Everything that two histories under one key can show to a witness, in any order; mostly from the size that it saw last. */
const moves = fc.array(
  fc.record({ branch: fc.nat(1), from: fc.nat(12), size: fc.nat(12), knows: fc.integer({ min: 0, max: 3 }) }),
  { minLength: 1, maxLength: 10 },
);

test('witness: whatever it is asked, and all at once, the trees that it cosigns are one history', async () => {
  const outcomes = { cosigned: 0, refused: 0 };
  const state = freshState();
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(moves, fc.nat(8), fc.boolean(), async (asked, forkAt, atOnce) => {
      cases += 1;
      const honest = new SampleLog(`log.test/${cases}`).grow(12);
      const branches = [honest, honest.fork(forkAt).grow(12 - forkAt, 'another')] as const;
      const witness = createWitness(state, logKeysOf([honest.vkey]));
      const cosigned: { size: number; root: string }[] = [];
      const each = async ({ branch, from, size, knows }: (typeof asked)[number]): Promise<void> => {
        const log = branches[branch] as SampleLog;
        const oldSize = knows > 0 ? (state.head(log.origin)?.size ?? 0) : from;
        const proved = await log.request(Math.min(oldSize, size), size);
        const { status } = await ask(witness, proved.replace(/^old \d+/, `old ${oldSize}`));
        outcomes[status === 200 ? 'cosigned' : 'refused']++;
        if (status === 200) cosigned.push({ size, root: toBase64(log.root(size)) });
      };
      if (atOnce) await Promise.all(asked.map(each));
      else for (const move of asked) await each(move);
      const isOn = (log: SampleLog) => cosigned.every(({ size, root }) => toBase64(log.root(size)) === root);
      assert.ok(branches.some(isOn), JSON.stringify(cosigned));
      // Answers of concurrent requests may overtake each other; one after the other, sizes only grow.
      if (!atOnce) assert.ok(cosigned.every(({ size }, n) => n === 0 || size >= (cosigned[n - 1]?.size ?? 0)));
    }),
    { numRuns: 100 },
  );
  state.close();
  assert.ok(outcomes.cosigned > 70 && outcomes.refused > 70, JSON.stringify(outcomes));
});
