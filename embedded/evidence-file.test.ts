/** evidence.json: what it may say, how it is refused, and what a deployment with outsiders seals. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import {
  evaluateQuorum,
  parseNote,
  parseTlogPolicy,
  parseTlogProof,
  verifyBundle,
  verifyTimestamp,
} from '@waybill/verify';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { resting } from '#composition/resting.ts';
import { eachOf } from '#core/mistakes.ts';
import { openFlowBed } from '../test/support/embedded-flow.ts';
import { SUCCEEDED } from '../test/support/finished-run.ts';
import { entriesOf } from '../test/support/ledger-entries.ts';
import { runOf } from '../test/support/run-spec.ts';
import { startTimestampServer } from '../test/support/tsa-server.ts';
import { startWitness } from '../test/support/witness-server.ts';
import { readEvidenceFile } from './evidence-file.ts';

const PORTS = { clock: createLocalClock(), chance: createLocalChance() };

async function withDirectory(use: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-evidence-'));
  await Promise.resolve(use(directory)).finally(() => rmSync(directory, { recursive: true, force: true }));
}

function write(directory: string, document: unknown): void {
  writeFileSync(join(directory, 'evidence.json'), typeof document === 'string' ? document : JSON.stringify(document));
}

const REFUSED: [unknown, RegExp, RegExp][] = [
  ['no json', /evidence\.json$/, /is no JSON/],
  [[], /evidence\.json$/, /is no object/],
  [{ tsas: [] }, /evidence\.json$/, /unknown key "tsas"/],
  [{ heartbeatMs: 10 }, /heartbeatMs/, /whole number from 1000/],
  [{ waitMs: 1.5 }, /waitMs/, /whole number/],
  [{ tsa: {} }, /tsa/, /is no list/],
  [{ tsa: [{ url: 'http://127.0.0.1:1' }] }, /tsa\[0\]\.roots/, /is empty/],
  [{ tsa: [{ url: 'http://127.0.0.1:1', roots: ['AAAA'] }] }, /tsa\[0\]\.roots\[0\]/, /no certificate/],
  [{ tsa: [{ url: 'http://127.0.0.1:1', roots: [{ file: 'absent.pem' }] }] }, /roots\[0\]\.file/, /cannot be read/],
  [{ tsa: [{ url: 7, roots: [] }] }, /tsa\[0\]\.url/, /is no text/],
  [{ witnesses: 7 }, /witnesses/, /is no object/],
  [{ witnesses: 'witness w1 nonsense\nquorum w1\n' }, /witnesses/, /line 1/],
  [{ witnesses: { file: 'a', more: 1 } }, /witnesses/, /unknown key "more"/],
];

describe('evidence.json', { concurrency: 2 }, () => {
  it('without the file nobody is asked', () =>
    withDirectory((directory) => {
      const { outsiders, settings } = readEvidenceFile(directory, PORTS);
      assert.deepEqual([outsiders.witnesses.length, outsiders.timestampAuthority], [0, null]);
      assert.deepEqual(settings, { witnesses: null, tsa: [] });
    }));

  for (const [document, path, problem] of REFUSED) {
    it(`${JSON.stringify(document)} is refused by its path`, () =>
      withDirectory((directory) => {
        write(directory, document);
        assert.throws(() => readEvidenceFile(directory, PORTS), { code: 'USAGE', path, problem });
      }));
  }

  it('all that is wrong is said at once', () =>
    withDirectory((directory) => {
      const broken = {
        url: 7,
        policies: ['x'],
        roots: ['AAAA', { file: 'absent.pem' }, { file: 1, more: 2 }],
        more: 3,
      };
      write(directory, { waitMs: 1, heartbeatMs: 'x', tsas: [], stamps: [], tsa: [broken, 5], witnesses: { file: 7 } });
      assert.throws(
        () => readEvidenceFile(directory, PORTS),
        (error) => {
          assert.ok(error instanceof TerminalError);
          const named = eachOf(error).map(({ path }) => path.replace('evidence.json.', ''));
          assert.deepEqual(named.toSorted(), [
            'evidence.json',
            'evidence.json',
            'heartbeatMs',
            'tsa[0]',
            'tsa[0].policies',
            'tsa[0].roots[0]',
            'tsa[0].roots[1].file',
            'tsa[0].roots[2]',
            'tsa[0].roots[2].file',
            'tsa[0].url',
            'tsa[1]',
            'waitMs',
            'witnesses.file',
          ]);
          assert.equal(error.fix, 'docs/formats/state-directory.md says what evidence.json holds.');
          return true;
        },
      );
    }));

  it('a witness without a URL cannot be asked, and a URL that is none is refused', () =>
    withDirectory(async (directory) => {
      const signer = openLocalSigner(join(directory, 'keys'));
      const logVkey = signer.trust.keys.flatMap((key) => (key.use === 'log' ? [key.vkey] : []));
      const witness = await startWitness({ origin: signer.origin, logVkey });
      await witness.stop();
      write(directory, { witnesses: `witness w1 ${witness.vkey}\nquorum w1\n` });
      assert.throws(() => readEvidenceFile(directory, PORTS), { code: 'USAGE', problem: /without a URL/ });
      write(directory, { witnesses: `witness w1 ${witness.vkey} ftp://x\nquorum w1\n` });
      assert.throws(() => readEvidenceFile(directory, PORTS), { code: 'USAGE', problem: /http/ });
    }));

  it('a run is sealed with witnesses and time; when both are away the next one is sealed without, and says so', () =>
    withDirectory(async (directory) => {
      const signer = openLocalSigner(join(directory, 'keys'));
      const logVkey = signer.trust.keys.flatMap((key) => (key.use === 'log' ? [key.vkey] : []));
      const witness = await startWitness({ origin: signer.origin, logVkey });
      const authority = await startTimestampServer();
      writeFileSync(join(directory, 'root.der'), authority.rootDer);
      const policy = `witness w1 ${witness.vkey} ${witness.url}\nquorum w1\n`;
      writeFileSync(join(directory, 'witnesses.policy'), policy);
      const tsa = [{ url: authority.url, roots: [{ file: 'root.der' }] }];
      write(directory, { tsa, witnesses: { file: 'witnesses.policy' }, waitMs: 5_000 });
      const { outsiders } = readEvidenceFile(directory, PORTS);
      const bed = await openFlowBed({
        directory,
        execute: () => SUCCEEDED,
        adapt: (deps) => ({ ...deps, ...outsiders }),
      });
      const sealed = async (name: string): Promise<{ tsr: Uint8Array | null; checkpoint: string; exit: number }> => {
        bed.submit(name, runOf([{ id: 'x' }]));
        const status = await bed.until(() => (bed.status(name)?.bundle ? bed.status(name) : null));
        const file = join(directory, 'ledger', ...(status.bundle?.key ?? '').split('/'));
        const { trust } = bed.deps.signer;
        const lines = readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
        const tsr = lines.find(({ record }) => record === 'time')?.tsr;
        return {
          tsr: tsr === undefined ? null : Buffer.from(tsr, 'base64'),
          checkpoint: parseTlogProof(lines.find(({ record }) => record === 'log').proof).checkpoint,
          exit: (await verifyBundle([readFileSync(file)], { trust })).exitCode,
        };
      };
      const quorum = async (checkpoint: string): Promise<boolean> =>
        (await evaluateQuorum(parseTlogPolicy(policy), parseNote(checkpoint), signer.origin)).met;
      const strong = await sealed('strong');
      assert.deepEqual([strong.exit, await quorum(strong.checkpoint)], [0, true]);
      assert.ok(strong.tsr);
      const message = Buffer.from(strong.checkpoint);
      const time = await verifyTimestamp({ tsr: strong.tsr, message, roots: [authority.rootDer] });
      assert.ok(Math.abs(time.genTimeMs - Date.now()) < 60_000);
      await Promise.all([witness.stop(), authority.stop()]);
      const weak = await sealed('weak');
      assert.deepEqual([weak.exit, weak.tsr, await quorum(weak.checkpoint)], [0, null, false]);
      const about = bed.errors.map((error) => (error as { about?: string }).about);
      assert.deepEqual(new Set(about), new Set(['witness w1', 'quorum', 'timestamp authority']));
      assert.equal(entriesOf(directory, 'policy.changed').length, 1);
      await bed.halt();
    }));
});

describe('resting', () => {
  it('who was away is not asked again for a minute; who refuses is', async () => {
    let nowMs = 0;
    let calls = 0;
    let code: 'TSA_UNREACHABLE' | 'WITNESS_CONFLICT' = 'TSA_UNREACHABLE';
    const clock = { nowMs: () => nowMs, after: () => () => {} };
    const call = resting(clock, async () => {
      calls += 1;
      throw new RetryableError({ code, path: 'p', problem: 'as asked', fix: 'None.' });
    });
    for (const atMs of [0, 1_000, 59_999, 60_000, 60_001]) {
      nowMs = atMs;
      await assert.rejects(call(null), { code: 'TSA_UNREACHABLE' });
    }
    assert.equal(calls, 2);
    code = 'WITNESS_CONFLICT';
    nowMs = 200_000;
    for (let n = 0; n < 3; n += 1) await assert.rejects(call(null), { code });
    assert.equal(calls, 5);
  });
});

it('a start with a broken evidence.json is wrong usage, exit 4, and says which key', async () => {
  await withDirectory((directory) => {
    write(directory, { waitMs: 'x' });
    const script = join(import.meta.dirname, 'main.ts');
    const { status, stderr } = spawnSync(process.execPath, [script, '--dir', directory], { encoding: 'utf8' });
    assert.equal(status, 4);
    assert.match(stderr, /"code":"USAGE","path":"evidence\.json\.waitMs"/);
  });
});
