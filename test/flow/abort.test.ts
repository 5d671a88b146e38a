/** A run that is never sealed says so in the log; what comes after a seal is noted there and changes nothing. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import { deriveAttemptId, digestOf } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import { readHead } from '#flow/log.ts';
import { beat } from '#flow/notices.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { aborted, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { entriesOf, ledgerEntries } from '../support/ledger-entries.ts';
import { segmentsOf } from '../support/record-bed.ts';
import { abortOf, cancelOf, itemsOf, runOf } from '../support/run-spec.ts';

const HASTY = { events: 5, longestMs: 100, shortestMs: 20 };

const obedient: Execute = async (_job, { signal }) => {
  await aborted(signal);
  return { outcome: 'cancelled', reason: 'cancelled' };
};

function bundleOf(bed: FlowBed, run: string): string {
  return join(bed.directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
}

async function answer(bed: FlowBed, submissionId: string): Promise<{ status: string; code: string | undefined }> {
  const receipt = await bed.until(() => bed.receipts(submissionId)[0]);
  return { status: receipt.status, code: receipt.reasons[0]?.code };
}

describe('flow: abort', { concurrency: 3 }, () => {
  it('an aborted run is stopped, entered with how far it came, and never sealed', () =>
    withBed({ execute: obedient, cadence: HASTY }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('i', 8), { id: 'behind', dependsOn: ['i000'] }]));
      await bed.until(() => bed.status('s')?.counts.running === 8);
      bed.control('a', abortOf(run, 'not_needed'));
      // Those that wait together are answered together, in no order.
      assert.equal((await answer(bed, 'a')).status, 'accepted');
      bed.control('b', abortOf(run, 'again'));
      const status = await bed.until(() => (bed.status('s')?.aborted ? bed.status('s') : null));
      assert.deepEqual([status.state, status.aborted?.reason, status.bundle], ['cancelled', 'not_needed', undefined]);
      assert.equal((await answer(bed, 'b')).status, 'deduped');
      await bed.until(() => bed.engine.isIdle());
      const [entry] = await bed.until(() =>
        entriesOf(bed.directory, 'run.aborted').length > 0 ? entriesOf(bed.directory, 'run.aborted') : null,
      );
      const events = segmentsOf(bed.directory, run)
        .text.trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('{"at"'));
      assert.deepEqual([entry?.run, entry?.runSeq, entry?.size, entry?.reason], [run, 0, events.length, 'not_needed']);
      assert.ok(events.at(-1)?.includes('"run.completed"'));
      assert.equal(existsSync(bundleOf(bed, run)), false);
      bed.control('c', cancelOf(run));
      assert.equal((await answer(bed, 'c')).code, 'RUN_SEALED');
      assert.deepEqual(bed.errors, []);
    }));

  it('a run whose record was damaged blocks nobody, and abort takes it out', async () => {
    const last = new Gate();
    const execute: Execute = (job) => (job.item === 'last' ? last.opened.then(() => SUCCEEDED) : SUCCEEDED);
    await withBed({ execute, cadence: HASTY }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('i', 10), { id: 'last' }]));
      const segment = await bed.until(
        () => entriesOf(bed.directory, 'run.checkpoint').length > 0 && segmentsOf(bed.directory, run).names[0],
      );
      writeFileSync(join(bed.directory, 'ledger', 'runs', run, 'events', segment), 'edited\n');
      last.open();
      await bed.until(() => bed.errors.length > 0);
      assert.equal((bed.errors[0] as { code?: string }).code, 'OBJECT_CONFLICT');
      bed.errors.length = 0;
      bed.control('a', abortOf(run, 'segment_damaged'));
      assert.equal((await answer(bed, 'a')).status, 'invalid', 'its seal is in the log already');
      assert.equal(entriesOf(bed.directory, 'run.sealed').length, 1);
    });
  });

  it('a run that has ended and is not sealed yet can be aborted', async () => {
    const sealing = new Gate();
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ port, method, args }, proceed) => {
        const isSegment = port === 'ledger' && method === 'put' && String(args[0]).startsWith('runs/');
        return isSegment ? sealing.opened.then(proceed) : proceed();
      });
    await withBed({ execute: () => SUCCEEDED, adapt }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(async () => (await bed.runRow(run))?.completedAtMs);
      bed.control('a', abortOf(run, 'too_late_to_matter'));
      assert.equal((await answer(bed, 'a')).status, 'accepted');
      sealing.open();
      const status = await bed.until(() => (bed.status('s')?.aborted ? bed.status('s') : null));
      assert.equal(status.state, 'done');
      assert.equal(existsSync(bundleOf(bed, run)), false);
      await bed.until(() => entriesOf(bed.directory, 'run.aborted').length === 1);
      assert.deepEqual(entriesOf(bed.directory, 'run.sealed'), []);
    });
  });

  it('a client hears of an abort although the engine died before it could tell', async () => {
    const refuse = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ method, args }, proceed) => {
        const isEnd = method === 'publish' && (args[2] as RunStatus).aborted !== undefined;
        return isEnd ? Promise.reject(new RangeError('no space left')) : proceed();
      });
    const bed = await openFlowBed({ execute: obedient, adapt: refuse });
    const run = bed.submit('s', runOf([{ id: 'x' }]));
    await bed.until(() => bed.status('s')?.counts.running === 1);
    bed.control('a', abortOf(run, 'not_needed'));
    await bed.until(async () => (await bed.runRow(run))?.abortedIndex);
    await bed.halt();
    assert.equal(bed.status('s')?.aborted, undefined);
    const next = await openFlowBed({ directory: bed.directory, execute: obedient });
    await next.until(() => next.status('s')?.aborted);
    await next.until(() => next.engine.isIdle());
    await next.until(() => entriesOf(next.directory, 'run.aborted').length === 1);
    assert.deepEqual(next.errors, []);
    await next.close();
  });

  it('a run whose attempts do not end is aborted by force, and what they still do changes nothing', async () => {
    const stuck = new Gate();
    await withBed({ execute: () => stuck.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('s')?.counts.running === 1);
      bed.control('a', abortOf(run, 'stuck'));
      await answer(bed, 'a');
      await concludeAbort(flowOn(bed), run, false);
      assert.equal((await bed.runRow(run))?.abortedIndex, undefined, 'without force it waits');
      await concludeAbort(flowOn(bed), run, true);
      await concludeAbort(flowOn(bed), run, true);
      stuck.open();
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.attempts[0]?.outcome);
      bed.submit('other', runOf([{ id: 'y' }]));
      await finished(bed, 'other');
      assert.equal(entriesOf(bed.directory, 'run.aborted').length, 1);
      assert.equal(existsSync(bundleOf(bed, run)), false);
    });
  });
});

describe('flow: after the seal', { concurrency: 3 }, () => {
  it('late controls are refused and noted, each once, and no more than a few', () =>
    withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await finished(bed, 's');
      const control = cancelOf(run);
      for (let n = 0; n < 3; n += 1) bed.control(`same-${n}`, control);
      bed.control('abort', abortOf(run, 'regret'));
      for (let n = 0; n < 30; n += 1) bed.control(`other-${n}`, cancelOf(run, `item-${n}`));
      await bed.until(() => bed.receipts('other-29')[0]);
      assert.equal((await answer(bed, 'abort')).code, 'RUN_SEALED');
      bed.submit('next', runOf([{ id: 'x' }]));
      await finished(bed, 'next');
      const noted = entriesOf(bed.directory, 'run.addendum');
      assert.equal(noted.length, 16);
      const objects = noted.map(({ object }) => object);
      assert.equal(new Set(objects).size, 16);
      assert.ok(noted.every(({ kind, runSeq }) => kind === 'late-control' && runSeq === 0));
      const { report } = await bed.sealed('s');
      assert.equal(report.exitCode, 0);
    }));

  it('a result and a stop of an attempt that had been given up are noted once each; of one that had not, never', async () => {
    const late = new Gate();
    // A mailbox that cannot be closed in time, as one behind signed URLs.
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ method }, proceed) => (method === 'close' ? Promise.resolve() : proceed()));
    const execute: Execute = (job) =>
      job.item === 'x' && job.attempt === 1 ? late.opened.then(() => SUCCEEDED) : SUCCEEDED;
    await withBed({ execute, adapt }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }, { id: 'y' }]));
      const fenced = deriveAttemptId(run, 'x', 1);
      const other = deriveAttemptId(run, 'y', 1);
      // One that is claimed only has no worker that could be late.
      await bed.until(async () => (await bed.row<AttemptRow>(keys.attempt(fenced)))?.state === 'dispatched');
      const flow = flowOn(bed);
      await bed.until(() => settleStopped(flow, { attemptId: fenced, cause: 'exited', exit: 1, detail: '' }));
      await bed.until(() => bed.status('s')?.bundle);
      late.open();
      await bed.until(async () => (await bed.deps.mailbox.staged(fenced)).result);
      for (let n = 0; n < 3; n += 1) {
        for (const attemptId of [fenced, other]) {
          assert.equal(await settle(flow, attemptId), false);
          assert.equal(await settleStopped(flow, { attemptId, cause: 'exited', exit: 0, detail: '' }), false);
        }
      }
      bed.submit('next', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('next')?.bundle);
      const { result } = await bed.deps.mailbox.staged(fenced);
      const noted = entriesOf(bed.directory, 'run.addendum').map(({ kind, attempt, object }) => ({
        kind,
        attempt,
        object,
      }));
      assert.deepEqual(
        noted.sort((a, b) => a.kind.localeCompare(b.kind)),
        [
          { kind: 'late-result', attempt: fenced, object: digestOf(result ?? '') },
          { kind: 'late-stop', attempt: fenced, object: null },
        ],
      );
      assert.equal((await bed.sealed('s')).report.exitCode, 0);
    });
  });
});

describe('flow: notices', { concurrency: 3 }, () => {
  it('silence is broken by heartbeats with checkpoints of their own, which say how many runs are open', async () => {
    const gate = new Gate();
    await withBed({ execute: () => gate.opened.then(() => SUCCEEDED), heartbeatMs: 150 }, async (bed) => {
      bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => entriesOf(bed.directory, 'heartbeat').filter(({ open }) => open === 1).length >= 2);
      gate.open();
      await finished(bed, 's');
      await bed.until(() => entriesOf(bed.directory, 'heartbeat').at(-1)?.open === 0);
      const entries = ledgerEntries(bed.directory);
      const beats = entries.filter(({ type }) => type === 'heartbeat').map(({ at }) => Date.parse(at));
      assert.ok(beats.every((atMs, n) => n === 0 || atMs - (beats[n - 1] ?? 0) >= 150));
    });
  });

  it('a clock that was set back behind the newest entry does not silence the log', () =>
    withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const { clock } = bed.deps;
      const flow = { ...flowOn(bed), clock: { ...clock, nowMs: () => clock.nowMs() - 86_400_000 } };
      const everyMs = 3_600_000;
      const before = (await readHead(flow)).tree.size;
      await beat(flow, everyMs);
      const after = (await readHead(flow)).tree.size;
      assert.ok(after > before, 'it would be silent for a day');
      assert.ok((await beat(flow, everyMs)) > everyMs - 60_000, 'and the next one is due as always');
      assert.equal((await readHead(flow)).tree.size, after);
    }));

  it('an engine at work beats no more often than agreed', () =>
    withBed({ execute: () => SUCCEEDED }, async (bed) => {
      bed.submit('s', runOf([{ id: 'x' }]));
      await finished(bed, 's');
      assert.deepEqual(entriesOf(bed.directory, 'heartbeat'), []);
    }));

  it('settings are entered before any run, again when they differ, and their document is kept', async () => {
    const started = async (directory: string | undefined, concurrency: number): Promise<string> => {
      const place = directory === undefined ? {} : { directory };
      const bed = await openFlowBed({ execute: () => SUCCEEDED, concurrency, ...place });
      bed.submit(`with-${concurrency}-${entriesOf(bed.directory, 'run.opened').length}`, runOf([{ id: 'x' }]));
      await bed.until(() => entriesOf(bed.directory, 'run.sealed').length === runs);
      await bed.halt();
      runs += 1;
      return bed.directory;
    };
    let runs = 1;
    const directory = await started(undefined, 4);
    await started(directory, 4);
    assert.equal(entriesOf(directory, 'policy.changed').length, 1);
    await started(directory, 5);
    const changes = entriesOf(directory, 'policy.changed');
    assert.equal(changes.length, 2);
    const entries = ledgerEntries(directory).map(({ type }) => type);
    assert.ok(entries.indexOf('policy.changed') < entries.indexOf('run.opened'));
    for (const [n, { policy }] of changes.entries()) {
      const document = readFileSync(join(directory, 'ledger', 'policies', `${policy.slice(7)}.json`));
      assert.equal(digestOf(document), policy);
      assert.equal(JSON.parse(document.toString()).queues.default.concurrency, 4 + n);
    }
    rmSync(directory, { recursive: true });
  });
});
