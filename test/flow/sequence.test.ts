/**
 * Events get their places while a run goes on: in causal order, once, and the same after a crash and beside another
 * sequencer.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { leafHash, TreeBuilder } from '@waybill/verify';
import { rootOf, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { sequence } from '#flow/sequence.ts';
import { decide } from '#flow/transaction.ts';
import { seededFraction } from '../crash/kill-engine.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { entriesOf } from '../support/ledger-entries.ts';
import { crashEverywhere, openRecordBed, type RecordBed, segmentsOf, withScratch } from '../support/record-bed.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

const RUN = 'a'.repeat(32);
const SEED = Number(process.env.WAYBILL_SEQUENCE_SEED ?? Date.now() % 1_000_000);
const HASTY = { events: 5, longestMs: 100, shortestMs: 20 };

/** `count` events in the outbox, one a row, as that many transitions would have written them. */
async function fillOutbox({ flow }: RecordBed, count: number): Promise<void> {
  for (let n = 0; n < count; n += 50) {
    await flow.store.transact(
      Array.from({ length: Math.min(50, count - n) }, (_, k) => {
        const { pk, sk } = keys.event(RUN, n + k, 0);
        const event = { type: 'item.ready' as const, data: { items: [`i${n + k}`] } };
        const body = unplacedLine(unplacedEvent(flow.origin, RUN, { atMs: n, salt: flow.chance.hex(16), event }));
        return { do: 'put' as const, pk, sk, expect: 0, body };
      }),
    );
  }
  await flow.store.durable();
}

interface Line {
  seq: number;
  data: { items: string[] };
}

function eventsIn(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

async function outboxSize(flow: FlowDeps): Promise<number> {
  return (await flow.store.query(`run/${RUN}`, { prefix: 'event/', limit: 10_000 })).length;
}

function assertWhole(text: string, count: number): Line[] {
  const events = eventsIn(text);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    Array.from({ length: count }, (_, n) => n),
  );
  assert.equal(new Set(events.map(({ data }) => data.items[0])).size, count);
  return events;
}

describe('sequence', { concurrency: 2 }, () => {
  it('whatever call a pass dies at, the next one ends with the same segments and an empty outbox', () =>
    withScratch(async (root) => {
      const origin = join(root, 'origin');
      const filled = await openRecordBed(origin);
      await fillOutbox(filled, 4_020);
      await filled.close();
      cpSync(origin, join(root, 'undisturbed'), { recursive: true });
      const undisturbed = await openRecordBed(join(root, 'undisturbed'));
      const tree = await sequence(undisturbed.flow, RUN);
      await undisturbed.close();
      const expected = segmentsOf(undisturbed.directory, RUN);
      assert.equal(expected.names.length, 3);
      assertWhole(expected.text, 4_020);
      const crashes = await crashEverywhere(
        origin,
        (flow) => sequence(flow, RUN),
        async (bed, crashedAt) => {
          assert.deepEqual(await sequence(bed.flow, RUN), tree, `crashed at call ${crashedAt}`);
          assert.deepEqual(segmentsOf(bed.directory, RUN), expected, `crashed at call ${crashedAt}`);
          assert.equal(await outboxSize(bed.flow), 0);
        },
      );
      assert.ok(crashes > 20, `${crashes} crashes`);
    }));

  it(`two sequencers beside transitions of four deciders give each event one place, behind its causes (seed ${SEED})`, () =>
    withScratch(async (root) => {
      const fraction = seededFraction(SEED);
      const bed = await openRecordBed(root);
      const late = async (_call: unknown, proceed: () => unknown): Promise<unknown> => {
        if (fraction() < 0.5) await pause(0);
        return proceed();
      };
      const causes = new Map<string, string[]>();
      let deciding = true;
      const decider = async (flow: FlowDeps, name: string): Promise<void> => {
        for (let n = 0; n < 60; n += 1) await transition(flow, `${name}-${n}`, fraction, causes);
      };
      const sequencer = async (flow: FlowDeps): Promise<void> => {
        while (deciding) {
          await sequence(flow, RUN);
          await pause(1);
        }
      };
      const sequencing = [sequencer(bed.another(late)), sequencer(bed.another(late))];
      await Promise.all(['a', 'b', 'c', 'd'].map((name) => decider(bed.another(late), name)));
      deciding = false;
      await Promise.all(sequencing);
      const tree = await sequence(bed.flow, RUN);
      const { names, text } = segmentsOf(root, RUN);
      assert.ok(names.length > 3, `${names.length} segments`);
      const order = assertWhole(text, 240).map(({ data }) => data.items[0] ?? '');
      assert.deepEqual(misplaced(order, causes), []);
      assert.notDeepEqual(misplaced(order.toReversed(), causes), [], 'the check sees a wrong order');
      const rebuilt = new TreeBuilder();
      for (const line of text.trimEnd().split('\n')) rebuilt.append(leafHash(line));
      assert.equal(rootOf(tree), rootOf(rebuilt.state()));
      await bed.close();
    }));

  it('a run that goes on shows in the log how far it has come; its bundle is made of the same segments', async () => {
    const last = new Gate();
    const execute = (job: { item: string }) => (job.item === 'last' ? last.opened.then(() => SUCCEEDED) : SUCCEEDED);
    await withBed({ execute, cadence: HASTY, concurrency: 2 }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('i', 30), { id: 'last' }]));
      await bed.until(async () => (await bed.itemRow(run, 'i029'))?.state === 'done');
      await bed.until(() => (entriesOf(bed.directory, 'run.checkpoint').at(-1)?.size ?? 0) > 60);
      last.open();
      await finished(bed, 's');
      const { names, text } = segmentsOf(bed.directory, run);
      assert.ok(names.length >= 2, names.join());
      const bundle = readFileSync(join(bed.directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`), 'utf8');
      assert.ok(bundle.slice(bundle.indexOf('\n') + 1).startsWith(text));
      const tree = new TreeBuilder();
      const roots = new Map<number, string>();
      for (const line of text
        .trimEnd()
        .split('\n')
        .filter((each) => each.startsWith('{"at"'))) {
        tree.append(leafHash(line));
        roots.set(tree.size, rootOf(tree.state()));
      }
      const entered = entriesOf(bed.directory, 'run.checkpoint');
      assert.ok(entered.length >= 1);
      for (const { size, root } of entered) assert.equal(root, roots.get(size));
    });
  });

  it('a short run has one segment and no run.checkpoint', () =>
    withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit('s', runOf(itemsOf('i', 20)));
      await finished(bed, 's');
      assert.equal(segmentsOf(bed.directory, run).names.length, 1);
      assert.deepEqual(entriesOf(bed.directory, 'run.checkpoint'), []);
    }));

  it('a segment that was edited never becomes a bundle, and other runs are sealed', async () => {
    const last = new Gate();
    const execute = (job: { item: string }) => (job.item === 'last' ? last.opened.then(() => SUCCEEDED) : SUCCEEDED);
    await withBed({ execute, cadence: HASTY }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('i', 10), { id: 'last' }]));
      const folder = join(bed.directory, 'ledger', 'runs', run, 'events');
      const first = await bed.until(() => names(bed.directory, run)[0]);
      const text = readFileSync(join(folder, first), 'utf8');
      writeFileSync(join(folder, first), text.replace('"name":"tested"', '"name":"edited"'));
      last.open();
      const error = (await bed.until(() => bed.errors[0])) as { code?: string };
      assert.equal(error.code, 'OBJECT_CONFLICT');
      assert.equal((await bed.runRow(run))?.bundle, undefined);
      bed.errors.length = 0;
      bed.submit('other', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('other')?.bundle);
    });
  });

  it('a run that cannot be bundled is tried again ever more seldom, says so, and is sealed once its segments are back', async () => {
    const last = new Gate();
    const execute = (job: { item: string }) => (job.item === 'last' ? last.opened.then(() => SUCCEEDED) : SUCCEEDED);
    let tryAgain = (): void => {};
    let isHeld = false;
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => ({
      ...deps,
      clock: {
        nowMs: () => deps.clock.nowMs(),
        after(delayMs, run) {
          if (delayMs !== 16_000) return deps.clock.after(delayMs / 100, run);
          tryAgain = run;
          isHeld = true;
          return () => {};
        },
      },
    });
    await withBed({ execute, cadence: HASTY, adapt }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('i', 10), { id: 'last' }]));
      const first = await bed.until(() => names(bed.directory, run)[0]);
      const file = join(bed.directory, 'ledger', 'runs', run, 'events', first);
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.replace('"name":"tested"', '"name":"edited"'));
      last.open();
      await bed.until(() => isHeld && bed.errors.length > 2);
      await pause(100);
      assert.equal(bed.errors.length, 3, 'no try in between, although five sweeps passed');
      assert.match((await bed.until(() => bed.status('s')?.warnings[0])) ?? '', /^UNSEALED.*segments were changed/);
      writeFileSync(file, text);
      bed.errors.length = 0;
      tryAgain();
      const { status, report } = await bed.sealed('s');
      assert.deepEqual([report.verdict, status.warnings], ['verified', []]);
    });
  });
});

function names(directory: string, run: string): string[] {
  try {
    return segmentsOf(directory, run).names;
  } catch {
    return [];
  }
}

/** Names two of five rows, changes one of them and emits; what it follows from is what those rows were written with. */
async function transition(
  flow: FlowDeps,
  id: string,
  fraction: () => number,
  causes: Map<string, string[]>,
): Promise<void> {
  const [one, two] = [0, 1].map((n) => ({ pk: 'shared', sk: `${n}-${Math.floor(fraction() * 3)}` }));
  if (!one || !two) return;
  await decide(flow, async (draft) => {
    const before = await draft.read<{ by: string }>([one, two]);
    causes.set(
      id,
      before.flatMap((row) => (row ? [row.by] : [])),
    );
    draft.put(one, { by: id });
    draft.check(two);
    draft.emit(RUN, { type: 'item.ready', data: { items: [id] } });
  });
}

/** Events that stand before something that they follow from. */
function misplaced(order: string[], causes: Map<string, string[]>): string[] {
  const places = new Map(order.map((id, n) => [id, n]));
  const placeOf = (id: string): number => places.get(id) ?? Number.POSITIVE_INFINITY;
  return order.filter((id) => causes.get(id)?.some((cause) => placeOf(cause) > placeOf(id)));
}
