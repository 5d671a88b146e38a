import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { item, parsed, refusalsFor, runOf, summary } from '../test/run-sample.ts';
import { compileItems } from './compile.ts';

const GI = 1024 ** 3;
const planned = (resources: object, defaults?: object): unknown => {
  const spec = defaults === undefined ? {} : { defaults: { resources: defaults } };
  const compiled = compileItems(parsed(runOf([item('a', { resources })], spec)));
  return compiled.ok ? compiled.items[0]?.resources : summary(compiled.refusals);
};
const refused = (resources: object): string[] => summary(refusalsFor(runOf([item('a', { resources })])));

describe('resources:', () => {
  test('sizes and times become bytes and milliseconds, and the item wins over the defaults, one by one', () => {
    assert.deepEqual(planned({ memory: '2Gi', disk: '1536Mi', cpuTime: '5m', inodes: 100, processes: 9 }), {
      cpuMs: 300_000,
      memoryBytes: 2 * GI,
      diskBytes: 1.5 * GI,
      inodes: 100,
      processes: 9,
    });
    assert.deepEqual(planned({ memory: '1Gi' }, { memory: '2Gi', processes: 20 }), { memoryBytes: GI, processes: 20 });
    assert.equal(planned({}), undefined);
  });

  for (const [key, least, below, most, above] of [
    ['cpuTime', '1s', '999ms', '1000h', '1001h'],
    ['memory', '16Mi', '15Mi', '4096Gi', '4097Gi'],
    ['disk', '1Mi', '1023Ki', '65536Gi', '65537Gi'],
    ['inodes', 16, 15, 100_000_000, 100_000_001],
    ['processes', 8, 7, 100_000, 100_001],
  ] as const) {
    test(`${key} holds at its limits and one beyond them`, () => {
      for (const value of [least, most]) assert.deepEqual(refused({ [key]: value }), []);
      for (const value of [below, above]) {
        assert.deepEqual(refused({ [key]: value }), [`SPEC_LIMIT spec.items[0].resources.${key}`]);
      }
    });
  }

  for (const memory of ['2G', '2gb', '2.5Gi', '02Gi', '0Mi', 'Gi', '2 Gi', 2_000_000_000]) {
    test(`${JSON.stringify(memory)} is no size`, () => {
      assert.deepEqual(refused({ memory }), ['SPEC_INVALID spec.items[0].resources.memory']);
    });
  }

  test('there are no cores to ask for: nothing would hold a block to them', () => {
    assert.deepEqual(refused({ cpu: 1 }), ['SPEC_UNKNOWN_KEY spec.items[0].resources.cpu']);
  });
});
