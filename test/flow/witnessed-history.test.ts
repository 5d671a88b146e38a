/** A whole state directory put back from an old copy agrees with itself: nothing in it can notice. A witness does. */
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import {
  equalBytes,
  evaluateQuorum,
  loadTrust,
  parseCheckpoint,
  parseNote,
  parseTlogPolicy,
  verifyNote,
} from '@waybill/verify';
import { openHttpWitness } from '#adapters/http/witness.ts';
import { isoTime } from '#core/evidence.ts';
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { adoptKeys } from '#flow/keys.ts';
import { appendNotice } from '#flow/log.ts';
import { publishLog } from '#flow/publish.ts';
import { decide } from '#flow/transaction.ts';
import { main } from '../../packages/verify/src/bin.ts';
import { openRecordBed, withScratch } from '../support/record-bed.ts';
import { startWitness, type TestWitness } from '../support/witness-server.ts';

interface Published {
  size: number;
  /** Whether the witness cosigned it, and what was said if not. */
  cosigned: boolean;
  code: string | null;
}

/** Enters one thing more, publishes it to the witness, and resolves with what became of it. */
async function publish(flow: FlowDeps, { url, vkey }: TestWitness): Promise<Published> {
  const codes: string[] = [];
  const hints = new Proxy({} as Hints, {
    get: (_target, name) => (_about: string, error: unknown) => {
      if (name === 'outage' && error instanceof WaybillError) codes.push(error.code);
    },
  });
  const deps = { ...flow, hints, witnesses: [openHttpWitness({ name: 'w1', url, vkey })] };
  await decide(deps, async (draft) => {
    const at = isoTime(draft.atMs);
    await appendNotice(draft, async () => ({ v: 1, origin: flow.origin, type: 'heartbeat', at, open: 0 }));
  });
  const size = await publishLog(deps);
  const note = parseNote((await flow.ledger.newestCheckpoint()) ?? '');
  const policy = parseTlogPolicy(`witness w1 ${vkey}\nquorum w1\n`);
  return { size, cosigned: (await evaluateQuorum(policy, note, flow.origin)).met, code: codes[0] ?? null };
}

test('witnessed history: an old copy of everything is refused at every size, and at one of them convicted', (t) =>
  withScratch(async (root) => {
    const [life, copy] = [join(root, 'life'), join(root, 'copy')];
    const first = await openRecordBed(life);
    const logVkey = first.flow.signer.trust.keys.flatMap((key) => (key.use === 'log' ? [key.vkey] : []));
    const { log: keys } = loadTrust(first.flow.signer.trust);
    await adoptKeys(first.flow);
    const witness = await startWitness({ origin: first.flow.origin, logVkey });
    t.after(() => witness.stop());
    assert.equal((await publish(first.flow, witness)).cosigned, true);
    await first.close();
    cpSync(life, copy, { recursive: true });

    const honest = await openRecordBed(life);
    for (let n = 0; n < 3; n++) assert.equal((await publish(honest.flow, witness)).cosigned, true);
    const seen = witness.head()?.size as number;

    const restored = await openRecordBed(copy);
    const published: Published[] = [];
    while ((published.at(-1)?.size ?? 0) <= seen) published.push(await publish(restored.flow, witness));
    for (const { size, cosigned, code } of published) {
      assert.equal(cosigned, false);
      assert.equal(code, size <= seen ? 'WITNESS_DISAGREES' : 'WITNESS_REFUSED', `size ${size} of ${seen}`);
    }
    assert.ok(published.some(({ size }) => size < seen) && published.some(({ size }) => size === seen));

    const [fork, ...more] = witness.conflicts().filter(({ kind }) => kind === 'fork');
    assert.deepEqual(more, []);
    const notes = [fork?.seen, fork?.refused].map((text) => parseNote(text ?? ''));
    for (const note of notes) assert.equal((await verifyNote(note, keys)).length, 1);
    const [one, other] = notes.map(({ text }) => parseCheckpoint(text));
    assert.ok(one !== undefined && other !== undefined && one.size === seen && other.size === seen);
    assert.equal(equalBytes(one.root, other.root), false, 'the log signed two trees of one size');

    const files = { seen: fork?.seen, refused: fork?.refused, keys: JSON.stringify(honest.flow.signer.trust) };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text ?? '');
    const said: string[] = [];
    const terminal = {
      out: (text: string) => void said.push(text),
      err: (text: string) => void said.push(text),
      stdin: process.stdin,
    };
    const compare = (other: string) => ['compare', join(root, 'seen'), join(root, other), '--keys', join(root, 'keys')];
    assert.equal(await main(compare('refused'), terminal), 1, said.join(''));
    assert.equal(await main(compare('seen'), terminal), 0, said.join(''));

    assert.equal((await publish(honest.flow, witness)).cosigned, true, 'the history that was seen goes on');
    await honest.close();
    await restored.close();
  }));
