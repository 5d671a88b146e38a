/** Messages that come twice, late or out of order change nothing: no row, no event. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import { deriveAttemptId, digestOf } from '@waybill/verify';
import { keys, type RunRow } from '#core/rows.ts';
import { seal } from '#flow/seal.ts';
import { settle, settleStopped, settleWithout } from '#flow/settle.ts';
import { submit } from '#flow/submit.ts';
import { type FlowBed, loseRows, openFlowBed } from '../support/embedded-flow.ts';
import { finished, Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { runOf } from '../support/run-spec.ts';

async function rowsOf(bed: FlowBed, run: string): Promise<string> {
  await bed.deps.store.durable();
  const partitions = [`run/${run}`, 'queue/default', 'todo', 'timers', `attempt/${deriveAttemptId(run, 'x', 1)}`];
  const rows = await Promise.all(partitions.map((pk) => bed.deps.store.query(pk, { prefix: '', limit: 1_000 })));
  return JSON.stringify(rows);
}

describe('flow: duplicates', { concurrency: true }, () => {
  it('an object that is taken in again is answered as at first; one that is written again is deduped', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const bytes = Buffer.from(JSON.stringify(runOf([{ id: 'x' }])));
      const arrived = { key: 'k', queue: 'default', principal: 'somebody', submissionId: 's', version: 'v1' };
      const answers = [];
      for (const object of [arrived, arrived, { ...arrived, version: 'v2' }, { ...arrived, version: undefined }]) {
        const { version, ...unversioned } = object;
        const taken = version === undefined ? unversioned : { ...unversioned, version };
        answers.push((await submit(flowOn(bed), taken, bytes, digestOf(bytes))).status);
      }
      assert.deepEqual(answers, ['accepted', 'accepted', 'deduped', 'deduped']);
    });
  });

  it('a result hinted again and a stop notice after it change nothing', async () => {
    const released = new Gate();
    await withBed(
      { execute: (job) => (job.item === 'y' ? released.opened.then(() => SUCCEEDED) : SUCCEEDED) },
      async (bed) => {
        const run = bed.submit('s', runOf([{ id: 'x' }, { id: 'y' }]));
        const id = deriveAttemptId(run, 'x', 1);
        await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'done');
        await bed.until(
          async () =>
            (await bed.itemRow(run, 'y'))?.state === 'running' && (await bed.runRow(run))?.openedIndex !== undefined,
        );
        await pause(20);
        const before = await rowsOf(bed, run);
        const flow = flowOn(bed);
        assert.equal(await settle(flow, id), false);
        assert.equal(await settleStopped(flow, { attemptId: id, cause: 'exited', exit: 0, detail: '' }), false);
        assert.equal(await settleWithout(flow, id, { outcome: 'lost', reason: 'no_result' }), false);
        assert.equal(await rowsOf(bed, run), before);
        released.open();
        assert.equal((await finished(bed, 's')).status.state, 'done');
      },
    );
  });

  it('a result that comes after its attempt was declared lost changes nothing; the next attempt decides', async () => {
    const late = new Gate();
    await withBed(
      { execute: (job) => (job.attempt === 1 ? late.opened.then(() => ({ ...SUCCEEDED, exit: 9 })) : SUCCEEDED) },
      async (bed) => {
        const run = bed.submit('s', runOf([{ id: 'x' }]));
        await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'running');
        await pause(20);
        const flow = flowOn(bed);
        const id = deriveAttemptId(run, 'x', 1);
        assert.equal(await settleStopped(flow, { attemptId: id, cause: 'exited', exit: 1, detail: '' }), true);
        const before = await rowsOf(bed, run);
        late.open();
        await pause(10);
        assert.equal(await settle(flow, id), false);
        assert.equal(await rowsOf(bed, run), before);
        // This notice went past the engine, so its sweep finds the timer.
        const { item, status } = await finished(bed, 's');
        assert.deepEqual([status.counts.retries, status.counts.lost], [0, 1]);
        assert.deepEqual(
          item('x')?.attempts.map(({ outcome, exit }) => [outcome, exit]),
          [
            ['lost', 1],
            ['succeeded', 0],
          ],
        );
      },
    );
  });

  it('sealing again gives the same bytes, even when the log has grown since', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await finished(bed, 's');
      const file = join(bed.directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
      const first = readFileSync(file);
      bed.submit('next', runOf([{ id: 'x' }]));
      await finished(bed, 'next');
      rmSync(file);
      // As a process left it that died right before it recorded the bundle.
      await bed.until(async () => (await bed.row(keys.activeRun(run))) === null);
      const [row] = await bed.deps.store.get([keys.run(run)]);
      assert.ok(row);
      const { bundle: _bundle, sealedAtMs: _sealedAtMs, ...body } = row.body as unknown as RunRow;
      await bed.deps.store.transact([
        { do: 'put', ...keys.run(run), expect: row.version, body },
        { do: 'put', ...keys.activeRun(run), expect: 0, body: {} },
      ]);
      await seal(flowOn(bed), run);
      assert.ok(readFileSync(file).equals(first));
    });
  });

  it('a ledger that is ahead of the store stops the engine before anything is signed', async () => {
    const bed = await openFlowBed({ execute: () => SUCCEEDED });
    bed.submit('s', runOf([{ id: 'x' }]));
    await bed.sealed('s');
    await bed.halt();
    loseRows(bed.directory);
    const signed: string[] = [];
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ port, method }, proceed) => {
        if (port === 'signer' || (port === 'ledger' && method !== 'newestCheckpoint')) signed.push(`${port}.${method}`);
        return proceed();
      });
    await assert.rejects(
      openFlowBed({ directory: bed.directory, execute: () => SUCCEEDED, adapt }),
      (error) => error instanceof WaybillError && error.code === 'LEDGER_INCONSISTENT',
    );
    assert.deepEqual(signed, []);
    rmSync(bed.directory, { recursive: true });
  });
});
