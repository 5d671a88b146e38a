import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockName, name, origin, outputName, time } from './scalars.ts';
import { closed, integer, listOf, oneOf, requireShape, type Shape } from './shape.ts';

interface Crate {
  id: string;
  sizes: number[];
  note?: string;
}

const crate: Shape<Crate> = closed<Crate>({
  id: name,
  sizes: listOf(integer(1, 9), 1),
  note: { optional: oneOf('fragile') },
});

test('shapes: say where the first problem is', () => {
  assert.equal(crate({ id: 'a', sizes: [1] }), undefined);
  assert.equal(crate({ id: 'a', sizes: [1], note: 'fragile' }), undefined);
  assert.match(crate({ id: 'a', sizes: [1, 10] }) ?? '', /^\.sizes\[1\] is not an integer/);
  assert.match(crate({ id: 'a' }) ?? '', /lacks sizes/);
  assert.match(crate({ id: 'a', sizes: [] }) ?? '', /fewer than 1/);
  assert.throws(() => requireShape(crate, null, 'crate'), { code: 'SHAPE', message: 'crate is not an object' });
});

test('shapes: unknown keys are refused, those of the prototype included', () => {
  for (const key of ['more', '__proto__', 'constructor', 'toString']) {
    const value: unknown = JSON.parse(`{"id":"a","sizes":[1],"${key}":1}`);
    assert.match(crate(value) ?? '', /unknown key/, key);
  }
  assert.match(crate(Object.create({ id: 'a', sizes: [1] })) ?? '', /lacks id/);
});

test('scalars: names hold no separator, no dots in a row and no dot first', () => {
  for (const good of ['a', '0', 'a.b_c-d', 'a'.repeat(63)]) assert.equal(name(good), undefined, good);
  for (const bad of ['', '.a', '-a', 'a..b', 'a/b', 'A', 'a b', 'a\n', 'a'.repeat(64)]) assert.ok(name(bad), bad);
  for (const good of ['repo:api', 'a/b', 'a'.repeat(128)]) assert.equal(lockName(good), undefined, good);
  for (const bad of ['', '/a', 'a/', 'a//b', 'a/../b', 'a'.repeat(129)]) assert.ok(lockName(bad), bad);
  for (const bad of ['', 'a\u202eb', 'a\u0000', 'a\n']) assert.ok(outputName(bad), JSON.stringify(bad));
  for (const bad of ['', 'a b', 'a+b', 'a\n']) assert.ok(origin(bad), JSON.stringify(bad));
});

test('scalars: times are UTC with milliseconds, on days that exist', () => {
  for (const good of ['2026-11-21T05:00:00.000Z', '2028-02-29T23:59:59.999Z'])
    assert.equal(time(good), undefined, good);
  const bad = ['2026-02-29', '2026-02-30', '2026-04-31', '2026-13-01', '2026-00-01'].map(
    (day) => `${day}T05:00:00.000Z`,
  );
  for (const at of [...bad, '2026-11-21T24:00:00.000Z', '2026-11-21T05:00:00Z', '2026-11-21T05:00:00.000+01:00', 1]) {
    assert.ok(time(at), String(at));
  }
});
