import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, planEntries } from '@waybill/client/compile';
import type { Plan } from '@waybill/client/plan';
import { canonicalize } from '@waybill/verify';
import { admissionRows, deadlineRows, largestRows, planEvents } from './admission.ts';
import { MAX_SET_IDS } from './names.ts';
import type { ItemRow, OpenRow, SetRow, SpecRow } from './rows.ts';

const MAX_EVENT_BYTES = 65_535;

function planOf(items: { id: string; dependsOn?: string[]; deadline?: string }[], caps?: { wallClock: string }): Plan {
  const compiled = compile({
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name: 'admitted' },
    spec: {
      ...(caps ? { caps } : {}),
      items: items.map((item) => ({ ...item, pipeline: [{ block: 'script', run: 'true' }] })),
    },
  });
  assert.ok(compiled.ok);
  return compiled.plan;
}

const LEAVES = Array.from({ length: 250 }, (_, n) => ({ id: `leaf-${n}`, dependsOn: ['top'] }));
const FAN = planOf([{ id: 'top' }, ...LEAVES, { id: 'join', dependsOn: LEAVES.map(({ id }) => id) }]);

describe('admission', () => {
  const rows = admissionRows('r', FAN, () => []);
  const body = <T>(sk: string): T => rows.find(({ key }) => key.sk === sk)?.body as T;

  it('every item has a place, what it waits for, and who waits for it, in sets of at most a hundred', () => {
    assert.deepEqual(body<ItemRow>('item/leaf-7').waitingOn, ['top']);
    assert.equal(body<ItemRow>('item/leaf-7').place, 8);
    assert.deepEqual(body<ItemRow>('item/join').waitingOn, ['#0', '#1', '#2']);
    const waits = rows.filter(({ key }) => key.sk.startsWith('wait/join/')).flatMap((row) => (row.body as SetRow).ids);
    assert.equal(new Set(waits).size, 250);
    const top = body<SpecRow>('spec/top');
    assert.deepEqual([top.dependents.length, top.moreDependents], [MAX_SET_IDS, 2]);
    const fans = rows.filter(({ key }) => key.sk.startsWith('fan/top/')).map((row) => (row.body as SetRow).ids.length);
    assert.deepEqual(fans, [100, 50]);
  });

  it('the open set holds every item once, where its spec says', () => {
    const root = body<OpenRow>('open/root');
    assert.deepEqual(root.ids, ['0', '1', '2']);
    for (const { id } of FAN.items) {
      const { openChunk } = body<SpecRow>(`spec/${id}`);
      assert.ok(body<OpenRow>(`open/00${openChunk}`).ids.includes(id), id);
    }
  });

  it('the room that an item needs is that of what it may have become, and of one of these', () => {
    const forEach = { from: 'top', outputs: 'p/', as: 'shard', max: 300 };
    const grown = rows.map(({ key, body }) => {
      const spec = body as SpecRow;
      return { key, body: key.sk === 'spec/leaf-7' ? { ...spec, item: { ...spec.item, forEach } } : body };
    });
    const sizes = (some: typeof rows): Map<string, number> =>
      new Map(some.map(({ key, body }) => [key.sk, canonicalize(body).length]));
    const [now, most] = [sizes(grown), sizes(largestRows('r', grown))];
    assert.deepEqual(
      [...most.keys()].filter((sk) => !now.has(sk)),
      ['spec/leaf-7~1'],
    );
    const growth = (sk: string): number => (most.get(sk) ?? 0) - (now.get(sk) ?? 0);
    const digits = '99999'.length + '9999'.length - '0'.length - '2'.length;
    assert.equal(growth('spec/top'), digits);
    assert.equal(growth('spec/leaf-7'), digits + ',"branches":999'.length);
    assert.equal(growth('item/top'), 0);
  });

  it('rows are the same, in the same order, when an admission is done again, and no two have one key', () => {
    assert.deepEqual(
      admissionRows('r', FAN, () => []),
      rows,
    );
    assert.equal(new Set(rows.map(({ key }) => `${key.pk} ${key.sk}`)).size, rows.length);
  });

  it('the plan is cut into events that fit their line, with every entry in order', () => {
    const wide = planOf(
      Array.from({ length: 600 }, (_, n) => ({
        id: `${'long-name-'.repeat(5)}${n}`,
        ...(n > 0 ? { dependsOn: [`${'long-name-'.repeat(5)}${n - 1}`] } : {}),
      })),
    );
    const entries = planEntries(wide);
    const events = planEvents(entries);
    assert.ok(events.length > 1);
    const parts = events.map((event) => event.data as unknown as { part: number; parts: number; items: object[] });
    assert.deepEqual(
      parts.flatMap(({ items }) => items),
      entries,
    );
    assert.deepEqual(
      parts.map(({ part }) => part),
      events.map((_event, n) => n),
    );
    for (const event of events) assert.ok(canonicalize(event).length < MAX_EVENT_BYTES - 1_000);
  });

  it('deadlines become timers, counted from the opening', () => {
    const plan = planOf([{ id: 'a', deadline: '2s' }, { id: 'b' }], { wallClock: '5s' });
    assert.deepEqual(
      deadlineRows('r', plan, 1_000).map(({ key }) => key.sk),
      ['0000000006000/run/r', '0000000003000/item/r/a'],
    );
    assert.deepEqual(deadlineRows('r', FAN, 1_000), []);
  });
});
