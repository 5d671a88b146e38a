import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaMismatch } from './schema-paths.ts';

test('schemas: what allOf promises is promised, and what is promised nowhere may be missing', () => {
  const wanted = { type: 'object', required: ['a'] };
  const left = (allOf: object[]): Record<string, unknown> => ({ properties: { a: { type: 'string' } }, allOf });
  assert.equal(schemaMismatch(left([{}, { allOf: [{ required: ['a'] }] }]), wanted, ''), null);
  assert.equal(schemaMismatch(left([{ required: ['b'] }]), wanted, ''), '/a may be missing');
  assert.equal(schemaMismatch(left([{ anyOf: [{ required: ['a'] }] }]), wanted, ''), '/a may be missing');
});
