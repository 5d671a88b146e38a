import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readEgressSettings } from './egress-settings.ts';

const read = (document: unknown) => readEgressSettings(document, 'egress.json');

describe('egress.json:', () => {
  it('says for each queue what its items may reach', () => {
    assert.deepEqual(read({}), {});
    assert.deepEqual(read({ default: { allow: ['a.example'] }, other: { allow: [], deny: ['*.b.example:443'] } }), {
      default: { allow: ['a.example'], deny: [] },
      other: { allow: [], deny: ['*.b.example:443'] },
    });
  });

  it('tells of all that is wrong, each with its path', () => {
    const document = { default: { allow: ['10.0.0.1', '*'], denied: [] }, other: { allow: 5, deny: ['*'] } };
    const paths = ['default.allow[1]', 'default.denied', 'other.allow', 'other.deny[0]'];
    assert.throws(() => read(document), {
      path: 'egress.json.default.allow[0]',
      problem: new RegExp(paths.map((path) => `; egress\\.json\\.${path.replace(/[[\].]/g, '\\$&')} `).join('.*')),
    });
  });

  for (const [what, document, path] of [
    ['what is no object', [], 'egress.json'],
    ['a name that is no queue', { 'A b': { allow: [] } }, 'egress.json.A b'],
    ['a queue without a list', { default: {} }, 'egress.json.default.allow'],
    ['an address', { default: { allow: ['a.example', '10.0.0.1'] } }, 'egress.json.default.allow[1]'],
    ['everything', { default: { allow: ['*'] } }, 'egress.json.default.allow[0]'],
    ['a denial that names nothing', { default: { allow: [], deny: ['*'] } }, 'egress.json.default.deny[0]'],
    ['a key that nobody knows', { default: { allow: [], allowed: [] } }, 'egress.json.default.allowed'],
  ] as const) {
    it(`${what} is refused`, () => {
      assert.throws(() => read(document), { code: 'USAGE', path });
    });
  }
});
