/** A store that is an old copy, or gone, is noticed before anything is signed, and made again from the log. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import {
  consistencyProof,
  parseCheckpoint,
  parseNote,
  tileHashReader,
  tilePath,
  verifyBundle,
  verifyConsistency,
} from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type LedgerRow, moneyKeys } from '#core/money-rows.ts';
import { adoptKeys, rotateKey } from '#flow/keys.ts';
import type { Recovered } from '#flow/recover.ts';
import type { Witness } from '#ports/witness.ts';
import { type FlowBed, type FlowBedOptions, openFlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { entriesOf, ledgerEntries } from '../support/ledger-entries.ts';
import { costing, USD } from '../support/money-bed.ts';
import { openRecordBed, segmentsOf } from '../support/record-bed.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

const HASTY = { events: 5, longestMs: 100, shortestMs: 20 };
const RECOVER = join(import.meta.dirname, '..', '..', 'embedded', 'recover.ts');
const SMALL = runOf([{ id: 'x' }]);
const OPEN = runOf([...itemsOf('i', 10), { id: 'never' }]);

const paying: Execute = (job) => (job.item === 'never' ? new Promise(() => {}) : costing(USD));
const execute: Execute = (job) => (job.item === 'never' ? new Promise(() => {}) : SUCCEEDED);

type Recovery = Recovered & { kept: string | null; error?: { code: string; problem: string } };

async function recover(directory: string): Promise<Recovery> {
  const { stdout } = await promisify(execFile)(process.execPath, [RECOVER, '--dir', directory]).catch(
    (error: { stdout: string }) => error,
  );
  return JSON.parse(stdout);
}

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-recover-'));
  await use(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
}

async function withEngine(
  directory: string,
  use: (bed: FlowBed) => Promise<void>,
  options: Partial<FlowBedOptions> = {},
): Promise<void> {
  const bed = await openFlowBed({ directory, execute, cadence: HASTY, ...options });
  await use(bed).finally(() => bed.halt());
}

function newestCheckpoint(directory: string): ReturnType<typeof parseCheckpoint> {
  const folder = join(directory, 'ledger', 'checkpoints');
  const name = readdirSync(folder).sort().at(-1) ?? '';
  return parseCheckpoint(parseNote(readFileSync(join(folder, name))).text);
}

/** The engine refuses to start, and nothing was signed until then. */
async function requireRefused(directory: string): Promise<void> {
  const signed: string[] = [];
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    interceptPorts(deps, ({ port, method }, proceed) => {
      if (port === 'signer' || (port === 'ledger' && /put|write|anchor/.test(method))) signed.push(method);
      return proceed();
    });
  await assert.rejects(openFlowBed({ directory, execute, adapt }), {
    code: 'LEDGER_INCONSISTENT',
    fix: /waybill recover/,
  });
  assert.deepEqual(signed, []);
  unlock(directory);
}

/** The bed that failed to start still holds its store; a copy of the files is held by nobody. */
function unlock(directory: string): void {
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });
  rmSync(directory, { recursive: true });
  cpSync(copy, directory, { recursive: true });
  rmSync(copy, { recursive: true });
}

const LOSSES: Record<string, (directory: string, old: string) => void> = {
  'an old copy of the store': (directory, old) => cpSync(old, join(directory, 'store.sqlite')),
  'a store that is gone': (directory) => {
    for (const name of readdirSync(directory)) if (name.startsWith('store.sqlite')) rmSync(join(directory, name));
  },
};

describe('recover', { concurrency: 2 }, () => {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    it(`${loss} is noticed, and after recovery the log goes on`, () =>
      withDirectory(async (directory) => {
        await withEngine(directory, async (bed) => {
          bed.submit('s1', SMALL);
          await finished(bed, 's1');
        });
        const old = `${directory}.sqlite`;
        cpSync(join(directory, 'store.sqlite'), old);
        let open = '';
        await withEngine(directory, async (bed) => {
          bed.submit('s2', SMALL);
          await finished(bed, 's2');
          open = bed.submit('open', OPEN);
          await bed.until(() => (entriesOf(directory, 'run.checkpoint').at(-1)?.size ?? 0) > 20);
        });
        lose(directory, old);
        rmSync(old);
        await requireRefused(directory);
        const before = newestCheckpoint(directory);
        const recovered = await recover(directory);
        assert.deepEqual([recovered.size, recovered.sealed, recovered.lost], [before.size, 2, [open]]);
        assert.ok(recovered.kept?.startsWith('store.sqlite.'), 'the store that was refused is kept');
        await withEngine(directory, async (bed) => {
          assert.equal(bed.status('open')?.aborted?.reason, 'store_lost');
          bed.submit('s3', SMALL);
          await finished(bed, 's3');
          for (const again of ['s1', 's2', 'open']) {
            bed.submit(again, again === 'open' ? OPEN : SMALL);
            await bed.until(
              () => bed.receipts(again).length > 0 && !readdirSync(inboxOf(bed)).includes(`${again}.json`),
            );
          }
          assert.deepEqual(bed.errors, []);
        });
        await requireWhole(directory, before, open);
        assert.equal((await recover(directory)).error?.code, 'USAGE', 'a store that agrees is not thrown away');
      }));
  }

  it('what was spent and reserved counts against the caps of the deployment after it, and runs without an end are named', () =>
    withDirectory(async (directory) => {
      const options = { caps: { accountMicroUsd: 5 * USD }, execute: paying };
      let open = '';
      await withEngine(
        directory,
        async (bed) => {
          bed.submit('s', runOf(itemsOf('i', 2), { defaults: { maxUsd: 1 } }));
          await finished(bed, 's');
          open = bed.submit('open', runOf([{ id: 'never', maxUsd: 1 }]));
          const events = join(directory, 'ledger', 'runs', open, 'events');
          const isWritten = () => segmentsOf(directory, open).text.includes('"attempt.dispatched"');
          await bed.until(() => existsSync(events) && isWritten());
        },
        options,
      );
      for (const name of readdirSync(directory)) if (name.startsWith('store.sqlite')) rmSync(join(directory, name));
      const recovered = await recover(directory);
      assert.deepEqual([recovered.spentMicroUsd, recovered.uncounted], [3 * USD, [open]]);
      await withEngine(
        directory,
        async (bed) => {
          const { handed } = (await bed.row<LedgerRow>(moneyKeys.ledger())) ?? assert.fail('no ledger');
          for (const { microUsd } of Object.values(handed)) assert.equal(microUsd, 3 * USD);
          bed.submit('later', runOf([{ id: 'dear', maxUsd: 3 }]));
          const waiting = await bed.until(
            () => bed.status('later')?.items.find(({ waiting }) => waiting?.cap)?.waiting,
          );
          assert.deepEqual(waiting.cap, { cap: 'account', limitMicroUsd: 5 * USD, leftMicroUsd: 2 * USD });
        },
        options,
      );
    }));

  for (const key of ['the key in force', 'a key that was replaced since'])
    it(`a run that is sealed in the log by ${key} and has no bundle yet gets one, from its segments`, () =>
      withDirectory(async (directory) => {
        let run = '';
        const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
          interceptPorts(deps, ({ method }, proceed) => (method === 'write' ? new Promise(() => {}) : proceed()));
        const bed = await openFlowBed({ directory, execute, adapt });
        run = bed.submit('s', SMALL);
        await bed.until(() => entriesOf(directory, 'run.sealed').length === 1);
        // Its seal never ends, so this engine is left as a killed one would be.
        unlock(directory);
        if (key !== 'the key in force') {
          const rest = await openRecordBed(directory);
          await adoptKeys(rest.flow);
          await rotateKey(rest.flow, 'attest', 'ecdsa-p256-sha256');
          await rest.close();
        }
        LOSSES['a store that is gone']?.(directory, '');
        const recovered = await recover(directory);
        assert.deepEqual([recovered.unwritten, recovered.lost], [[run], []]);
        await withEngine(directory, async (next) => {
          const bytes = await next.until(() => next.deps.ledger.get(`runs/${run}/run-${run}.audit.jsonl`));
          const report = await verifyBundle([bytes], { trust: next.deps.signer.trust, expectRun: run });
          assert.equal(report.exitCode, 0);
          assert.equal(entriesOf(directory, 'run.sealed').length, 1);
        });
      }));

  it('segments that were edited are not believed: the run is aborted with nothing of them', () =>
    withDirectory(async (directory) => {
      let open = '';
      await withEngine(directory, async (bed) => {
        open = bed.submit('open', OPEN);
        await bed.until(() => entriesOf(directory, 'run.checkpoint').length > 0);
      });
      const folder = join(directory, 'ledger', 'runs', open, 'events');
      const [name = ''] = segmentsOf(directory, open).names;
      writeFileSync(
        join(folder, name),
        readFileSync(join(folder, name), 'utf8').replace('"name":"tested"', '"name":"edited"'),
      );
      LOSSES['a store that is gone']?.(directory, '');
      assert.deepEqual((await recover(directory)).lost, [open]);
      assert.deepEqual(
        entriesOf(directory, 'run.aborted').map(({ size, reason }) => [size, reason]),
        [[0, 'store_lost']],
      );
    }));

  it('what a witness saw and nobody anchored is part of the history that goes on', () =>
    withDirectory(async (directory) => {
      const old = `${directory}.sqlite`;
      await withEngine(directory, async (bed) => {
        bed.submit('s', SMALL);
        await finished(bed, 's');
      });
      cpSync(join(directory, 'store.sqlite'), old);
      const seen: { size: number; root: Uint8Array }[] = [];
      const witness: Witness = {
        name: 'w',
        async cosign({ checkpoint }) {
          seen.push(parseCheckpoint(parseNote(checkpoint).text));
          return [];
        },
      };
      const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
        interceptPorts({ ...deps, witnesses: [witness] }, ({ method }, proceed) =>
          method === 'anchor' ? new Promise(() => {}) : proceed(),
        );
      const bed = await openFlowBed({ directory, execute, adapt, cadence: HASTY });
      bed.submit('lost', SMALL);
      await bed.until(() => seen.length > 0);
      // It waits for its anchor for ever, so this engine is left as a killed one would be.
      const [shown] = seen;
      assert.ok(shown);
      assert.ok(newestCheckpoint(directory).size < shown.size);
      for (const isGone of [true, false]) {
        const life = `${directory}-life`;
        cpSync(directory, life, { recursive: true });
        LOSSES['a store that is gone']?.(life, old);
        if (!isGone) LOSSES['an old copy of the store']?.(life, old);
        await requireRefused(life);
        assert.equal((await recover(life)).error, undefined);
        const now = newestCheckpoint(life);
        const read = tileHashReader(now.size, async (tile) =>
          readFileSync(join(life, 'ledger', ...tilePath(tile).split('/'))),
        );
        const proof = await consistencyProof(shown.size, now.size, read);
        assert.ok(verifyConsistency(shown.size, now.size, shown.root, now.root, proof), 'two histories were signed');
        const receipts = entriesOf(life, 'anchor.receipt').map(({ size }) => size);
        assert.equal(new Set(receipts).size, receipts.length);
        await withEngine(life, async (next) => {
          next.submit('after', SMALL);
          await finished(next, 'after');
        });
        rmSync(life, { recursive: true });
      }
      rmSync(old);
    }));

  it('a ledger that has lost its newest checkpoint is not recovered from while the store knows of it', () =>
    withDirectory(async (directory) => {
      await withEngine(directory, async (bed) => {
        for (const id of ['s1', 's2']) {
          bed.submit(id, SMALL);
          await finished(bed, id);
        }
      });
      const folder = join(directory, 'ledger', 'checkpoints');
      const before = readdirSync(directory);
      rmSync(join(folder, readdirSync(folder).sort().at(-1) ?? ''));
      const { error } = await recover(directory);
      assert.deepEqual([error?.code, error?.problem.includes('were published')], ['LEDGER_INCONSISTENT', true]);
      assert.deepEqual(readdirSync(directory), before, 'the store stays where it is');
    }));

  for (const what of ['entries', 0]) {
    it(`a ledger whose newest tile of ${what} was edited is not recovered from`, () =>
      withDirectory(async (directory) => {
        await withEngine(directory, async (bed) => {
          bed.submit('s', SMALL);
          await finished(bed, 's');
        });
        const { size } = newestCheckpoint(directory);
        const tile = tilePath({ level: what as 'entries' | 0, index: 0, width: size });
        const file = join(directory, 'ledger', ...tile.split('/'));
        const bytes = readFileSync(file);
        bytes[40] = (bytes[40] ?? 0) ^ 1;
        writeFileSync(file, bytes);
        await assert.rejects(openFlowBed({ directory, execute }), { code: 'LEDGER_INCONSISTENT' });
        LOSSES['a store that is gone']?.(directory, '');
        unlock(directory);
        assert.equal((await recover(directory)).error?.code, 'LEDGER_INCONSISTENT');
        assert.equal((await recover(directory)).error?.code, 'LEDGER_INCONSISTENT', 'and not by asking again');
      }));
  }
});

function inboxOf(bed: FlowBed): string {
  return join(bed.directory, 'inbox', 'default', `uid-${process.getuid?.() ?? 0}`);
}

/** One history: runs numbered without a gap, each with one end, and the old checkpoint at its beginning. */
async function requireWhole(
  directory: string,
  before: ReturnType<typeof parseCheckpoint>,
  open: string,
): Promise<void> {
  const now = newestCheckpoint(directory);
  assert.ok(now.size > before.size);
  const read = tileHashReader(now.size, async (tile) =>
    readFileSync(join(directory, 'ledger', ...tilePath(tile).split('/'))),
  );
  const proof = await consistencyProof(before.size, now.size, read);
  assert.ok(verifyConsistency(before.size, now.size, before.root, now.root, proof));
  const entries = ledgerEntries(directory);
  assert.deepEqual(
    entriesOf(directory, 'run.opened').map(({ runSeq }) => runSeq),
    [0, 1, 2, 3],
  );
  const ends = entries.filter(({ type }) => type === 'run.sealed' || type === 'run.aborted');
  assert.equal(ends.length, 4);
  const [aborted, ...others] = entriesOf(directory, 'run.aborted');
  const checkpoint = entriesOf(directory, 'run.checkpoint')
    .filter(({ run }) => run === open)
    .at(-1);
  assert.deepEqual([aborted?.run, aborted?.reason, others.length], [open, 'store_lost', 0]);
  assert.ok((aborted?.size ?? 0) >= (checkpoint?.size ?? 0));
  assert.equal(entriesOf(directory, 'key.added').length, 2, 'keys are not entered again');
  assert.equal(
    new Set(entriesOf(directory, 'anchor.receipt').map(({ size }) => size)).size,
    entriesOf(directory, 'anchor.receipt').length,
  );
}
