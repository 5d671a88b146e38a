import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committedCounts, readPage, withTables } from './costs-page.ts';
import { combined, RowSizes } from './metered-calls.ts';
import { type Counts, METERS, NOTHING, PRICES, priceOf, priceOfAll } from './price-list.ts';
import { pricedFrom } from './priced-items.ts';

test('costs: the page has the tables that the committed counts give', () => {
  const page = readPage();
  const counts = committedCounts();
  assert.equal(withTables(page, counts), page, 'write it again: node test/cloud/costs-page.ts');
  const dearer = { ...counts, item: { ...counts.item, signatures: counts.item.signatures + 1 } };
  assert.notEqual(withTables(page, dearer), page);
  for (const name of METERS) {
    if (counts.item[name] > 0) assert.ok(page.includes(PRICES[name].meter), name);
  }
});

/** USD for 1,000 items of a minute, every metered call counted: what was aimed at. */
const MOST = 0.18;

test('costs: an item of a minute costs no more than was aimed at', () => {
  const isHeld = (item: Counts): boolean => priceOfAll(item) * 1_000 <= MOST;
  const { item } = committedCounts();
  assert.ok(isHeld(item), `${priceOfAll(item) * 1_000} USD`);
  const spare = (MOST - priceOfAll(item) * 1_000) / 1_000;
  const most = {
    ...item,
    objectWrites: item.objectWrites + (spare * PRICES.objectWrites.per) / PRICES.objectWrites.usd,
  };
  assert.ok(!isHeld({ ...most, objectWrites: most.objectWrites + 0.2 }), 'a tenth of a cent more');
});

test('costs: bytes are paid for as bytes, and not as the base64 that carries them', () => {
  const of = (n: number): number => {
    const Item = { pk: { S: 'p' }, sk: { S: 's' }, body: { B: Buffer.alloc(n).toString('base64') } };
    return new RowSizes().ofTransaction({ TransactItems: [{ Put: { Item } }] });
  };
  assert.deepEqual([of(1_000), of(1_100)], [2, 4]);
});

test('costs: prices as AWS writes them', () => {
  assert.equal(priceOf('transitions', 3_000), 0.075);
  assert.equal(priceOf('signatures', 10_000), 0.15);
  assert.equal(priceOf('objectWrites', 1_000), 0.005);
  assert.equal(priceOfAll(combined(NOTHING, { messages: 1_000_000, invocations: 1_000_000 })).toFixed(2), '0.60');
});

test('costs: a row is paid by the kilobyte, twice in a transaction, and its deletion by what it was', () => {
  const sizes = new RowSizes();
  const key = { pk: { S: 'run/1' }, sk: { S: 'event' } };
  const put = (text: string) => ({ TransactItems: [{ Put: { Item: { ...key, body: { S: text } } } }] });
  assert.equal(sizes.ofTransaction(put('x'.repeat(900))), 2);
  assert.equal(sizes.ofTransaction(put('x'.repeat(1_100))), 4);
  assert.equal(sizes.ofTransaction(put('x')), 4, 'the larger of before and after');
  assert.equal(sizes.ofTransaction({ TransactItems: [{ Delete: { Key: key } }] }), 2);
  assert.equal(
    sizes.ofTransaction({ TransactItems: [{ ConditionCheck: { Key: { pk: { S: 'other' }, sk: { S: 'row' } } } }] }),
    2,
  );
});

test('costs: one row alone and rows that are taken away in a batch are paid once', () => {
  const sizes = new RowSizes();
  const Key = { pk: { S: 'run/1' }, sk: { S: 'event' } };
  assert.equal(sizes.ofOne({ Item: { ...Key, body: { S: 'x'.repeat(1_100) } } }), 2);
  const DeleteRequest = { Key };
  const batch = {
    RequestItems: { t: [{ DeleteRequest }, { DeleteRequest: { Key: { ...Key, pk: { S: 'run/2' } } } }] },
  };
  assert.equal(sizes.ofBatch(batch), 3);
});

test('costs: what a run costs beside its items comes from runs of different sizes', () => {
  const names = {
    functionName: (which: string) => `w-${which}`,
    queue: (which: string) => `w-${which}`,
    bucket: (which: string) => which,
    name: 'w',
  } as never;
  // Each run costs two calls of seal, each item one of settle, and one more of reconcile when it is long.
  const invocations: { function: string; startedMs: number; elapsedMs: number }[] = [];
  const call = (which: string, startedMs: number) =>
    void invocations.push({ function: `w-${which}`, startedMs, elapsedMs: 0 });
  const window = (fromMs: number, runs: number, items: number, isLong: boolean) => {
    for (let n = 0; n < 2 * runs; n += 1) call('seal', fromMs);
    for (let n = 0; n < items * (isLong ? 2 : 1); n += 1) call('settle', fromMs);
    return { fromMs, toMs: fromMs + 1, runs, items };
  };
  const record = { names, calls: [], invocations, transitionsPerItem: 3 };
  const windows = { single: window(1, 4, 4, false), short: window(2, 1, 10, false), minute: window(3, 1, 5, true) };
  const { run, item } = pricedFrom(record, windows);
  assert.deepEqual([run.invocations, item.invocations, run.transitions, item.transitions], [2, 2, 0, 3]);
});
