import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf, type SealedValue } from '@waybill/verify';
import { valueAt } from './condition-values.ts';

const at = (text: string, pointer = ''): SealedValue => valueAt(new TextEncoder().encode(text), pointer);

describe('condition values', () => {
  it('scalars are sealed as they are, texts as digests, what is larger by its kind alone', () => {
    assert.deepEqual(
      ['null', 'true', '7', '-0', '1.0'].map((text) => at(text)),
      [null, true, 7, 0, 1],
    );
    assert.deepEqual(
      ['0.5', '1e21', '9007199254740993'].map((text) => at(text)),
      ['0.5', '1e+21', '9007199254740992'],
    );
    assert.equal(at('"yes"'), digestOf('"yes"'));
    assert.deepEqual(
      ['[]', '{}'].map((text) => at(text)),
      ['composite', 'composite'],
    );
  });

  it('a pointer leads through objects and lists, and to nothing where there is nothing', () => {
    const text = '{"a":{"b/c":[10,{"~":1}]},"__proto__":2}';
    assert.deepEqual(
      ['/a/b~1c/0', '/a/b~1c/1/~0', '/__proto__'].map((pointer) => at(text, pointer)),
      [10, 1, 2],
    );
    for (const pointer of ['/x', '/a/b', '/a/b~1c/2', '/a/b~1c/01', '/a/b~1c/length', '/toString', '/a/b~1c/0/x'])
      assert.equal(at(text, pointer), 'absent', pointer);
  });

  it('what is no JSON, or has no canonical form, cannot be read', () => {
    for (const text of ['', 'yes', '{"a":1', '"\\ud800"', '1e999']) assert.equal(at(text), 'unreadable', text);
    assert.equal(valueAt(Uint8Array.of(0x22, 0xff, 0x22), ''), 'unreadable');
  });
});
