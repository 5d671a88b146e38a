/** Checkpoints: one of a size, whoever dies or competes; and weaker, never later than agreed, when outsiders are away. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import {
  consistencyProof,
  evaluateQuorum,
  loadTrust,
  parseCheckpoint,
  parseNote,
  parseTlogPolicy,
  tileHashReader,
  tilePath,
  verifyConsistency,
  verifyNote,
} from '@waybill/verify';
import { openHttpWitness } from '#adapters/http/witness.ts';
import { isoTime } from '#core/evidence.ts';
import type { LogHeadRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { adoptKeys } from '#flow/keys.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { appendNotice } from '#flow/log.ts';
import { publishLog } from '#flow/publish.ts';
import { recoverStore } from '#flow/recover.ts';
import { decide, peek } from '#flow/transaction.ts';
import type { Witness } from '#ports/witness.ts';
import { pause } from '../support/finished-run.ts';
import { entriesOf, ledgerEntries } from '../support/ledger-entries.ts';
import { type Adapt, crashEverywhere, openRecordBed, type RecordBed, withScratch } from '../support/record-bed.ts';
import { startWitness } from '../support/witness-server.ts';

/** Something to publish. */
async function enter(flow: FlowDeps, count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await decide(flow, async (draft) => {
      const at = isoTime(draft.atMs);
      await appendNotice(draft, async () => ({ v: 1, origin: flow.origin, type: 'heartbeat', at, open: 0 }));
    });
  }
}

async function headSize(flow: FlowDeps): Promise<number> {
  return (await peek<LogHeadRow>(flow, keys.logHead()))?.tree.size ?? 0;
}

/** A log with its keys and some published history. */
async function begin(flow: FlowDeps, sizes: number): Promise<void> {
  await adoptKeys(flow);
  for (let n = 0; n < sizes; n += 1) {
    await enter(flow);
    await publishLog(flow);
  }
}

function checkpoints(directory: string): Map<string, string> {
  const folder = join(directory, 'ledger', 'checkpoints');
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** Every checkpoint is signed by the log and is the beginning of the newest one, by the tiles. */
async function requireOneHistory(bed: RecordBed): Promise<void> {
  const { log } = loadTrust(bed.flow.signer.trust);
  const all = [...checkpoints(bed.directory)].filter(([name]) => !name.endsWith('.tsr')).sort();
  const notes = all.map(([, text]) => parseNote(text));
  const newest = parseCheckpoint(notes.at(-1)?.text ?? '');
  const read = tileHashReader(newest.size, async (tile) =>
    readFileSync(join(bed.directory, 'ledger', ...tilePath(tile).split('/'))),
  );
  for (const [n, note] of notes.entries()) {
    assert.ok((await verifyNote(note, log)).length > 0);
    const { size, root } = parseCheckpoint(note.text);
    assert.equal(String(size).padStart(20, '0'), all[n]?.[0]);
    const proof = await consistencyProof(size, newest.size, read);
    assert.ok(verifyConsistency(size, newest.size, root, newest.root, proof), `size ${size}`);
  }
}

/** Nothing is ever the same: signatures, cosignatures and timestamps differ each time. All signed texts are noted by size. */
function restless(signed: Map<number, Set<string>>): Adapt {
  return (deps) => {
    const random = (): Uint8Array => Buffer.from(deps.chance.hex(64), 'hex');
    const signer = new Proxy(deps.signer, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'signNote') return typeof value === 'function' ? value.bind(target) : value;
        return async (text: string) => {
          const { size } = parseCheckpoint(text);
          signed.set(size, (signed.get(size) ?? new Set()).add(text));
          return [...(await target.signNote(text)), { name: 'second.test/key', hash: 7, signature: random() }];
        };
      },
    });
    const witness: Witness = {
      name: 'w',
      cosign: async () => [{ name: 'witness.test/w', hash: 9, signature: random() }],
    };
    return { ...deps, signer, witnesses: [witness], timestampAuthority: { stamp: async () => random() } };
  };
}

describe('publish', { concurrency: 2 }, () => {
  it('whatever call it dies at, a checkpoint that was out stays, and no size is signed with two trees', () =>
    withScratch(async (root) => {
      const signed = new Map<number, Set<string>>();
      const adapt = restless(signed);
      const origin = join(root, 'origin');
      const bed = await openRecordBed(origin, adapt);
      await begin(bed.flow, 2);
      await enter(bed.flow, 3);
      await bed.flow.store.durable();
      await bed.close();
      const crashes = await crashEverywhere(
        origin,
        (flow) => publishLog(flow, { timed: true }),
        async (rest, crashedAt) => {
          const out = checkpoints(rest.directory);
          await checkLedger(rest.flow);
          // The next process enters something of its own before it publishes, or not.
          if (crashedAt % 2 === 0) await enter(rest.flow);
          await publishLog(rest.flow, { timed: true });
          await checkLedger(rest.flow);
          const after = checkpoints(rest.directory);
          for (const [name, text] of out) assert.equal(after.get(name), text, `crashed at call ${crashedAt}`);
          await requireOneHistory(rest);
          assert.ok(after.has(`${String(await headSize(rest.flow)).padStart(20, '0')}.tsr`));
        },
        adapt,
      );
      assert.ok(crashes > 20, `${crashes} crashes`);
      for (const [size, texts] of signed) if (size < 8) assert.equal(texts.size, 1, `size ${size}`);
    }));

  it('whatever call it dies at, the log goes on from what the ledger holds when its store was lost too', () =>
    withScratch(async (root) => {
      const origin = join(root, 'origin');
      const bed = await openRecordBed(origin);
      await begin(bed.flow, 2);
      await enter(bed.flow, 3);
      await bed.flow.store.durable();
      const size = await headSize(bed.flow);
      await bed.close();
      const crashes = await crashEverywhere(origin, publishLog, async ({ directory }) => {
        const rest = join(root, 'without-store');
        cpSync(directory, rest, { recursive: true, filter: (path) => !path.includes('store.sqlite') });
        const next = await openRecordBed(rest);
        await recoverStore(next.flow);
        await checkLedger(next.flow);
        await adoptKeys(next.flow);
        // Other entries than the dead one had, up to the size that it was about to publish.
        while ((await headSize(next.flow)) < size) await enter(next.flow);
        await publishLog(next.flow);
        await checkLedger(next.flow);
        await requireOneHistory(next);
        await next.close();
        rmSync(rest, { recursive: true });
      });
      assert.ok(crashes > 10, `${crashes} crashes`);
    }));

  it('two that publish at once agree on one checkpoint of each size, and on the receipts', () =>
    withScratch(async (root) => {
      const bed = await openRecordBed(root, restless(new Map()));
      await adoptKeys(bed.flow);
      const late = async (_call: unknown, proceed: () => unknown): Promise<unknown> => {
        await pause(Math.random() * 3);
        return proceed();
      };
      const publisher = async (flow: FlowDeps): Promise<void> => {
        for (let n = 0; n < 12; n += 1) {
          await enter(flow);
          await publishLog(flow, { timed: n % 3 === 0 });
        }
      };
      await Promise.all([publisher(bed.another(late)), publisher(bed.another(late))]);
      await enter(bed.flow);
      await publishLog(bed.flow);
      await requireOneHistory(bed);
      const sizes = entriesOf(root, 'anchor.receipt').map(({ size }) => size);
      assert.equal(new Set(sizes).size, sizes.length, 'a receipt was entered twice');
      await bed.close();
    }));

  it('a receipt rides with the next entry and never causes a checkpoint', () =>
    withScratch(async (root) => {
      const bed = await openRecordBed(root);
      await begin(bed.flow, 1);
      const before = checkpoints(root);
      for (let n = 0; n < 3; n += 1) await publishLog(bed.flow);
      assert.deepEqual(checkpoints(root), before);
      await enter(bed.flow);
      await publishLog(bed.flow);
      const [receipt, ...others] = entriesOf(root, 'anchor.receipt');
      assert.equal(others.length, 0);
      assert.equal(receipt?.key, `checkpoints/${[...before.keys()][0]}`);
      assert.deepEqual(
        ledgerEntries(root)
          .slice(-2)
          .map(({ type }) => type),
        ['anchor.receipt', 'heartbeat'],
      );
      await bed.close();
    }));

  it('witnesses that were away, or saw more than is remembered, cosign what extends what they saw', () =>
    withScratch(async (root) => {
      const first = await openRecordBed(root);
      const { origin } = first.flow;
      const logVkey = first.flow.signer.trust.keys.flatMap((key) => (key.use === 'log' ? [key.vkey] : []));
      await begin(first.flow, 3);
      await first.close();
      const witness = await startWitness({ origin, logVkey });
      const policy = parseTlogPolicy(`witness w1 ${witness.vkey}\nquorum w1\n`);
      const http = openHttpWitness({ name: 'w1', url: witness.url, vkey: witness.vkey });
      const bed = await openRecordBed(root, (deps) => ({ ...deps, witnesses: [http], witnessPolicy: policy }));
      const publish = async (): Promise<boolean> => {
        await enter(bed.flow);
        await publishLog(bed.flow);
        const newest = await bed.flow.ledger.newestCheckpoint();
        return (await evaluateQuorum(policy, parseNote(newest ?? ''), origin)).met;
      };
      assert.equal(await publish(), true, 'the first one begins from nothing');
      assert.equal(await publish(), true, 'the next one extends it');
      await decide(bed.flow, async (draft) => {
        await draft.read([keys.witness('w1')]);
        draft.put(keys.witness('w1'), { size: 1 });
      });
      assert.equal(await publish(), true, 'what was remembered was older than what the witness saw');
      assert.deepEqual(bed.outages, []);
      await witness.stop();
      assert.equal(await publish(), false);
      assert.deepEqual(bed.outages, ['witness w1', 'quorum']);
      await bed.close();
    }));

  it('nobody is waited for longer than agreed', () =>
    withScratch(async (root) => {
      const silent = (): Promise<never> => new Promise(() => {});
      const bed = await openRecordBed(root, (deps) => ({
        ...deps,
        witnesses: [{ name: 'w1', cosign: silent }],
        timestampAuthority: { stamp: silent },
        outsiderWaitMs: 50,
      }));
      await begin(bed.flow, 0);
      const startedMs = performance.now();
      const size = await publishLog(bed.flow, { timed: true });
      assert.ok(performance.now() - startedMs < 2_000);
      assert.deepEqual(bed.outages, ['witness w1', 'timestamp authority']);
      assert.equal(checkpoints(root).size, 1);
      assert.equal(size, 2);
      await bed.close();
    }));

  it('a timestamp that failed is asked for again by the next seal of that size, and one that is there is kept', () =>
    withScratch(async (root) => {
      let answers = 0;
      const away = new RetryableError({ code: 'TIMED_OUT', path: 'tsa', problem: 'is away', fix: 'Later.' });
      const bed = await openRecordBed(root, (deps) => ({
        ...deps,
        timestampAuthority: {
          stamp: async (message) => {
            answers += 1;
            if (answers === 1) throw away;
            return Buffer.concat([message, Buffer.from(`answer ${answers}`)]);
          },
        },
      }));
      await begin(bed.flow, 0);
      for (let n = 0; n < 4; n += 1) await publishLog(bed.flow, { timed: true });
      const [[, note] = [], [, response] = []] = [...checkpoints(root)].sort();
      assert.equal(response, `${note}answer 2`);
      assert.deepEqual([answers, bed.outages], [2, ['timestamp authority']]);
      await bed.close();
    }));

  for (const [what, harm] of Object.entries({
    'a checkpoint that was removed': (file: string) => rmSync(file),
    'a checkpoint of other text': (file: string) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace('\n3\n', '\n2\n')),
    'a checkpoint that the log did not sign': (file: string) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace(/— (\S+) .{6}/, '— $1 AAAAAA')),
  })) {
    it(`${what} stops the log before the next one is signed`, () =>
      withScratch(async (root) => {
        const signed = new Map<number, Set<string>>();
        const bed = await openRecordBed(root, restless(signed));
        await begin(bed.flow, 1);
        harm(join(root, 'ledger', 'checkpoints', '3'.padStart(20, '0')));
        await enter(bed.flow);
        const before = signed.size;
        await assert.rejects(publishLog(bed.flow), { code: 'LEDGER_INCONSISTENT' });
        await assert.rejects(checkLedger(bed.flow), { code: 'LEDGER_INCONSISTENT' });
        assert.equal(signed.size, before);
        await bed.close();
      }));
  }
});
