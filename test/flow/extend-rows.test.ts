/** Runs that grow by what no store would take: refused before anything is recorded, or written elsewhere; and what ends the run all the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import { TerminalError } from '@waybill/client/errors';
import type { Execute } from '#adapters/in-process/executor.ts';
import { keys, type SpecRow } from '#core/rows.ts';
import { type Action, bytesOf, MAX_ROW_BYTES } from '#ports/run-store.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { aborted, answerTo, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts, type PortCall } from '../support/intercepted-ports.ts';
import { cancelOf, controlOf, extendOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf, sealedEvents } from '../support/sealed-events.ts';

const OPEN = { openEnded: true };
/** More than five scripts hold, as what is wanted is. */
const ITEM_BYTES = 310_000;
const execute: Execute = () => SUCCEEDED;

interface Documented {
  spec: { items: { id: string; pipeline?: object[] }[] };
}

/** The first of its items does so much that it takes so many bytes. */
function filled(document: object, sizeBytes: number): object {
  const pipeline: object[] = [{ block: 'capture', what: 'outputs' }];
  for (let left = sizeBytes; left > 0; left -= 60_000)
    pipeline.unshift({ block: 'script', run: '#'.repeat(Math.min(left, 60_000)) });
  const { spec, ...rest } = document as Documented;
  const [first, ...others] = spec.items;
  return { ...rest, spec: { ...spec, items: [{ ...first, pipeline }, ...others] } };
}

async function done(bed: FlowBed, run: string, item: string): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === 'done');
}

async function rowBytes(bed: FlowBed, run: string, item: string): Promise<number> {
  return bytesOf(JSON.stringify(await bed.row<SpecRow>(keys.spec(run, item))));
}

/** What the item must do so that its row has so many bytes when it is in a run. */
async function bytesFor(bed: FlowBed, item: ItemDraft, wantedBytes: number): Promise<number> {
  const run = bed.submit('measure', filled(runOf([item], OPEN), ITEM_BYTES));
  await done(bed, run, item.id);
  return ITEM_BYTES + wantedBytes - (await rowBytes(bed, run, item.id));
}

const obedient: Execute = async (_job, { signal }) => {
  await aborted(signal);
  return { outcome: 'cancelled', reason: 'cancelled' };
};

const splitting: Execute = (job, control) => {
  const outputs = Object.fromEntries(['a', 'b', 'c'].map((name) => [`p/${name}`, new TextEncoder().encode(name)]));
  return job.item === 'split' ? { ...SUCCEEDED, outputs } : obedient(job, control);
};

function putsBranch(actions: unknown): boolean {
  return (
    Array.isArray(actions) && actions.some(({ do: does, sk }: Action) => does === 'put' && sk.startsWith('spec/map~'))
  );
}

/** As a store does that has no room for something. */
function refusing(isRefused: (call: PortCall) => boolean): (deps: FlowBed['deps']) => FlowBed['deps'] {
  const fix = 'None: the test has it fail.';
  const error = { code: 'ROW_TOO_LARGE', path: 'row', problem: 'too large', fix } as const;
  return (deps) =>
    interceptPorts(deps, (call, proceed) => (isRefused(call) ? Promise.reject(new TerminalError(error)) : proceed()));
}

function statesOf({ items }: RunStatus): Record<string, string> {
  return Object.fromEntries(items.map(({ id, state }) => [id, state]));
}

/** Time stands still before the deadline of a run of one second, until it is let go. */
function heldClock(): { adapt(deps: FlowBed['deps']): FlowBed['deps']; letGo(): void } {
  let isHeld = true;
  const adapt = ({ clock, ...deps }: FlowBed['deps']): FlowBed['deps'] => {
    const heldMs = clock.nowMs();
    const nowMs = (): number => (isHeld ? heldMs : clock.nowMs());
    return { ...deps, clock: { nowMs, after: (delayMs, run) => clock.after(delayMs, run) } };
  };
  const letGo = (): void => {
    isHeld = false;
  };
  return { adapt, letGo };
}

/** It ends so and its bundle verifies, nobody is to write anything for it, and whoever looks after the deployment has been told. */
async function sealedInTrouble(bed: FlowBed, run: string, state = 'cancelled'): Promise<RunStatus> {
  await bed.until(async () => (await bed.runRow(run))?.completedAtMs !== undefined);
  assert.notDeepEqual(bed.errors.splice(0), []);
  for (const { sk: prefix } of [keys.todoExtend(run, ''), keys.todoSpawn(run, '')])
    assert.deepEqual(await bed.deps.store.query('todo', { prefix, limit: 1 }), [], 'nobody comes to write it any more');
  const { status, report } = await bed.sealed('s');
  assert.deepEqual([report.exitCode, status.state], [0, state]);
  return status;
}

describe('flow: rows of runs that grow', { concurrency: true }, () => {
  it('an item whose row is all but full takes dependents that are added later', async () => {
    await withBed({ execute }, async (bed) => {
      const sizeBytes = await bytesFor(bed, { id: 'big' }, MAX_ROW_BYTES - 10);
      const run = bed.submit('s', filled(runOf([{ id: 'big' }], OPEN), sizeBytes));
      await done(bed, run, 'big');
      assert.equal(await rowBytes(bed, run, 'big'), MAX_ROW_BYTES - 10);
      const after = { id: 'z'.repeat(60), dependsOn: ['big'] };
      assert.deepEqual(await answerTo(bed, 'more', extendOf(run, [after])), ['accepted', undefined]);
      await done(bed, run, after.id);
      await answerTo(bed, 'close', controlOf('close', run));
      assert.deepEqual((await finished(bed, 's')).states, { big: 'done', [after.id]: 'done' });
    });
  });

  it('an item that has no room to grow is refused where others may be added, and taken where none are', async () => {
    await withBed({ execute }, async (bed) => {
      const sizeBytes = await bytesFor(bed, { id: 'big' }, MAX_ROW_BYTES);
      bed.submit('open', filled(runOf([{ id: 'big' }], OPEN), sizeBytes));
      const { status, reasons } = await bed.until(() => bed.receipts('open')[0]);
      assert.deepEqual([status, reasons[0]?.code], ['invalid', 'ROW_TOO_LARGE']);
      bed.submit('whole', filled(runOf([{ id: 'big' }]), sizeBytes));
      assert.deepEqual((await finished(bed, 'whole')).states, { big: 'done' });
    });
  });

  it('a cancel ends the run although what was added cannot be written: that ends by name, and the record says so', async () => {
    const adapt = refusing(({ port, method }) => port === 'artifacts' && method === 'open');
    await withBed({ execute: obedient, adapt }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'held' }, { id: 'behind', dependsOn: ['held'] }], OPEN));
      await bed.until(async () => (await bed.itemRow(run, 'held'))?.state === 'running');
      assert.deepEqual(await answerTo(bed, 'more', extendOf(run, [{ id: 'never' }])), ['accepted', undefined]);
      assert.deepEqual(await answerTo(bed, 'stop', cancelOf(run)), ['accepted', undefined]);
      const status = await sealedInTrouble(bed, run);
      assert.deepEqual(statesOf(status), { held: 'cancelled', behind: 'cancelled', never: 'cancelled' });
      const { growth } = (await bed.runRow(run)) ?? assert.fail();
      assert.equal(growth?.extending, undefined, 'nobody comes to write it any more');
    });
  });

  it('a deadline fails what was added and cannot be written, and counts what the plan lets pass', async () => {
    const refused = refusing(({ port, method }) => port === 'artifacts' && method === 'open');
    const { adapt, letGo } = heldClock();
    await withBed({ execute: obedient, adapt: (deps) => refused(adapt(deps)) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'held' }], { ...OPEN, caps: { wallClock: '1s' } }));
      await bed.until(async () => (await bed.itemRow(run, 'held'))?.state === 'running');
      const addition = extendOf(run, [{ id: 'never' }, { id: 'passing', onError: 'continue' }]);
      assert.deepEqual(await answerTo(bed, 'more', addition), ['accepted', undefined]);
      letGo();
      const status = await sealedInTrouble(bed, run, 'failed');
      assert.deepEqual(statesOf(status), { held: 'failed', never: 'failed', passing: 'failed' });
      const { counts } = eventsOf(sealedEvents(bed.directory, run), 'run.completed')[0]?.data ?? assert.fail();
      assert.deepEqual([counts.failed, counts.tolerated], [3, 1]);
    });
  });

  it('a deadline fails what an item has become and cannot be written', async () => {
    const refused = refusing(({ method, args }) => method === 'transact' && putsBranch(args[0]));
    const { adapt, letGo } = heldClock();
    await withBed({ execute: splitting, adapt: (deps) => refused(adapt(deps)) }, async (bed) => {
      const map: ItemDraft = { id: 'map', forEach: { from: 'split', outputs: 'p/', max: 5 }, onError: 'continue' };
      const run = bed.submit('s', runOf([{ id: 'split' }, map], { caps: { wallClock: '1s' } }));
      await bed.until(async () => (await bed.row<SpecRow>(keys.spec(run, 'map')))?.branches === 3);
      letGo();
      const status = await sealedInTrouble(bed, run, 'failed');
      const failed = ['map', 'map~1', 'map~2', 'map~3'].map((id) => [id, 'failed']);
      assert.deepEqual(statesOf(status), { split: 'done', ...Object.fromEntries(failed) });
      const { counts } = eventsOf(sealedEvents(bed.directory, run), 'run.completed')[0]?.data ?? assert.fail();
      assert.deepEqual([counts.failed, counts.tolerated], [4, 4]);
    });
  });

  it('a cancel ends the run although what an item has become cannot be written', async () => {
    const adapt = refusing(({ method, args }) => method === 'transact' && putsBranch(args[0]));
    await withBed({ execute: splitting, adapt }, async (bed) => {
      const map: ItemDraft = { id: 'map', forEach: { from: 'split', outputs: 'p/', max: 5 } };
      const run = bed.submit('s', runOf([{ id: 'split' }, map, { id: 'held' }]));
      await bed.until(async () => (await bed.row<SpecRow>(keys.spec(run, 'map')))?.branches === 3);
      assert.deepEqual(await answerTo(bed, 'stop', cancelOf(run)), ['accepted', undefined]);
      const status = await sealedInTrouble(bed, run);
      const cancelled = ['held', 'map', 'map~1', 'map~2', 'map~3'].map((id) => [id, 'cancelled']);
      assert.deepEqual(statesOf(status), { split: 'done', ...Object.fromEntries(cancelled) });
    });
  });

  it('a pause finds what was added and is not written yet, which is on the shelf when it comes', async () => {
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, ({ port, method }, proceed) => {
        const fix = 'None: the test has it fail.';
        const error = { code: 'STORE_BUSY', path: 'artifacts', problem: 'it is away', fix } as const;
        return port === 'artifacts' && method === 'open' ? Promise.reject(new TerminalError(error)) : proceed();
      });
    const bed = await openFlowBed({ execute, adapt });
    const run = bed.submit('s', runOf([{ id: 'first' }], OPEN));
    await done(bed, run, 'first');
    assert.deepEqual(await answerTo(bed, 'more', extendOf(run, [{ id: 'late' }])), ['accepted', undefined]);
    assert.deepEqual(await answerTo(bed, 'pause', controlOf('pause', run)), ['accepted', undefined]);
    const isLinedUp = async (): Promise<boolean> =>
      (await bed.deps.store.query('todo', { prefix: 'line-up/', limit: 1 })).length === 0;
    await bed.until(isLinedUp);
    assert.equal(await bed.itemRow(run, 'late'), null);
    await bed.halt();
    await withBed({ execute, directory: bed.directory }, async (later) => {
      await later.until(async () => (await later.itemRow(run, 'late'))?.shelved);
      assert.deepEqual(await answerTo(later, 'resume', controlOf('resume', run)), ['accepted', undefined]);
      await answerTo(later, 'close', controlOf('close', run));
      assert.deepEqual((await finished(later, 's')).states, { first: 'done', late: 'done' });
    });
  });

  it('a template is not added of which one that it becomes might not fit into a row', async () => {
    const splitting: Execute = () => ({ ...SUCCEEDED, outputs: { 'p/a': new TextEncoder().encode('x') } });
    await withBed({ execute: splitting }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'split' }], OPEN));
      await done(bed, run, 'split');
      const map: ItemDraft = { id: 'map', forEach: { from: 'split', outputs: 'p/', max: 2 } };
      const addition = filled(extendOf(run, [map]), 349_000);
      assert.deepEqual(await answerTo(bed, 'large', addition), ['invalid', 'ROW_TOO_LARGE']);
      const row = await bed.runRow(run);
      assert.deepEqual([row?.items, row?.growth?.extending], [1, undefined]);
      const alone = filled(extendOf(run, [{ id: 'alone' }]), 349_000);
      assert.deepEqual(await answerTo(bed, 'alone', alone), ['accepted', undefined]);
      await answerTo(bed, 'close', controlOf('close', run));
      const { states, events } = await finished(bed, 's');
      assert.deepEqual(states, { split: 'done', alone: 'done' });
      assert.equal(eventsOf(events, 'run.extended').length, 1);
    });
  });
});
