/** Admission of runs that are large in bytes: everything that a compiler takes fits into a store, or is refused before anything is written. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { TerminalError, type WaybillError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import { MAX_ADMISSION_BYTES } from '#core/names.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { takeIn } from '#flow/inbox.ts';
import { defineQueues } from '#flow/queues.ts';
import type { Action } from '#ports/run-store.ts';
import { PRINCIPAL, putInbox } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { type HandlerBed, withHandlers } from '../support/handler-bed.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { runOf } from '../support/run-spec.ts';

const RUN = deriveRunId(PRINCIPAL, 's');

/** Items that wait for nothing, each with scripts of so many bytes; the last one may have its own. */
function scripted(items: number, scripts: readonly number[], last = scripts): object {
  const pipelineOf = (sizes: readonly number[]): object[] =>
    sizes.map((sizeBytes) => ({ block: 'script', run: `:${' '.repeat(sizeBytes - 2)}:` }));
  const document = runOf(Array.from({ length: items }, (_, n) => ({ id: `i${n}` }))) as {
    spec: { items: { id: string }[] };
  };
  const itemOf = ({ id }: { id: string }, n: number): object => ({
    id,
    pipeline: pipelineOf(n === items - 1 ? last : scripts),
  });
  return { ...document, spec: { ...document.spec, items: document.spec.items.map(itemOf) } };
}

function bytesOf(actions: readonly Action[]): number {
  return actions.reduce((sum, each) => sum + (each.do === 'put' ? Buffer.byteLength(JSON.stringify(each.body)) : 0), 0);
}

/** The same, where each item names a secret. */
function withSecret(document: object): object {
  const { spec, ...rest } = document as { spec: { items: { pipeline: object[] }[] } };
  const secrets = { TOKEN: 'token' };
  const items = spec.items.map((item) => ({
    ...item,
    pipeline: item.pipeline.map((block) => ({ ...block, secrets })),
  }));
  return { ...rest, spec: { ...spec, items } };
}

/** Every transaction from the third on that writes items is refused. */
function cutOff(bed: HandlerBed): void {
  let parts = 0;
  bed.before = ({ port, method, args }) => {
    if (port !== 'store' || method !== 'transact') return;
    parts += 1;
    const writesItems = (args[0] as Action[]).some(({ sk }) => sk.startsWith('item/'));
    if (parts < 3 || !writesItems) return;
    throw new TerminalError({ code: 'STORE_FAILED', path: 't', problem: 'it is refused', fix: 'f' });
  };
}

/** Submits it and takes in what waits. Resolves with what could not be answered. */
async function takenIn({ directory, flow }: HandlerBed, document: object): Promise<WaybillError[]> {
  putInbox(directory, 'default', 's', JSON.stringify(document));
  const troubles: WaybillError[] = [];
  await takeIn(flow, (_object, error) => troubles.push(error as WaybillError));
  return troubles;
}

function receiptsOf({ directory }: HandlerBed): string[] {
  try {
    return readdirSync(join(directory, 'outbox', PRINCIPAL, 's')).filter((name) => name.startsWith('receipt-'));
  } catch {
    return [];
  }
}

describe('flow: admission of large runs', { concurrency: true }, () => {
  for (const [what, items, scripts] of [
    ['many rows', 30, [60_000, 60_000]],
    ['few rows, which would fit into one transaction by their number,', 22, [55_000, 55_000, 55_000]],
  ] as const) {
    it(`${what} of more bytes than a transaction takes are written in parts, and the run ends`, async () => {
      const largest = { bytes: 0 };
      await withBed(
        {
          execute: () => SUCCEEDED,
          adapt: (deps) =>
            interceptPorts(deps, (call, proceed) => {
              if (call.method === 'transact') {
                largest.bytes = Math.max(largest.bytes, bytesOf(call.args[0] as Action[]));
              }
              return proceed();
            }),
        },
        async (bed) => {
          bed.submit('s', scripted(items, scripts));
          const { status } = await finished(bed, 's');
          assert.equal(status.state, 'done');
          assert.ok(largest.bytes > 1_000_000, 'the parts are none of single rows');
          assert.ok(largest.bytes < MAX_ADMISSION_BYTES + 200_000, `${largest.bytes} bytes at once`);
        },
      );
    });
  }

  it('a row that no store takes is refused before anything is written, and the id is free for what is put right', async () => {
    await withHandlers(async (bed) => {
      assert.deepEqual(
        await takenIn(
          bed,
          scripted(
            90,
            [100],
            Array.from({ length: 8 }, () => 48_000),
          ),
        ),
        [],
      );
      const [row, active] = await bed.flow.store.get([keys.run(RUN), keys.activeRun(RUN)]);
      assert.deepEqual([row, active], [null, null]);
      assert.deepEqual(await bed.flow.store.query(`run/${RUN}`, { prefix: '', limit: 1 }), []);
      assert.equal(receiptsOf(bed).length, 1);
      assert.deepEqual(await takenIn(bed, scripted(90, [100], [48_000])), []);
      assert.equal((await bed.row<RunRow>(keys.run(RUN))).state, 'running');
    });
  });

  it('what has begun is not refused: it waits in the inbox, says why, and goes on from where it was', async () => {
    await withHandlers(async (bed) => {
      const document = scripted(100, [1_000]);
      cutOff(bed);
      const [trouble] = await takenIn(bed, document);
      assert.deepEqual([trouble?.retryable, trouble?.path], [true, 't']);
      assert.match(trouble?.problem ?? '', /has begun.*it is refused/);
      assert.equal((await bed.row<RunRow>(keys.run(RUN))).state, 'admitting');
      assert.deepEqual([receiptsOf(bed).length, (await bed.flow.inbox.list({ limit: 9 })).length], [0, 1]);
      bed.before = () => {};
      // Nor by what this deployment would refuse by now.
      await defineQueues(bed.flow, { other: { concurrency: 1 } });
      const found: WaybillError[] = [];
      assert.equal(await takeIn(bed.flow, (_object, error) => found.push(error as WaybillError)), 0);
      assert.match(found[0]?.problem ?? '', /QUEUE_UNKNOWN/);
      assert.deepEqual([found[0]?.retryable, receiptsOf(bed).length], [true, 0]);
      await defineQueues(bed.flow, { default: { concurrency: 1 } });
      const troubles: unknown[] = [];
      assert.equal(await takeIn(bed.flow, (_object, error) => troubles.push(error)), 1);
      assert.deepEqual(troubles, []);
      assert.equal((await bed.row<RunRow>(keys.run(RUN))).state, 'running');
      assert.deepEqual([receiptsOf(bed).length, (await bed.flow.inbox.list({ limit: 9 })).length], [1, 0]);
    });
  });

  it('what has begun goes on where the deployment keeps no secrets any more, or not the one that it names', async () => {
    for (const later of [{}, { givesSecrets: new Set(['another']) }]) {
      await withHandlers(async (bed) => {
        const worker = { ...bed.flow.worker, isolation: 'container' as const };
        const flow = { ...bed.flow, worker: { ...worker, givesSecrets: new Set(['token']) } };
        cutOff(bed);
        assert.equal((await takenIn({ ...bed, flow }, withSecret(scripted(100, [1_000])))).length, 1);
        assert.equal((await bed.row<RunRow>(keys.run(RUN))).state, 'admitting');
        bed.before = () => {};
        const troubles: unknown[] = [];
        assert.equal(await takeIn({ ...flow, worker: { ...worker, ...later } }, (_, error) => troubles.push(error)), 1);
        assert.deepEqual(troubles, []);
        assert.equal((await bed.row<RunRow>(keys.run(RUN))).state, 'running');
      });
    }
  });
});
