/** What is recorded and signed of an item grows with its inputs: all of it fits at the limits of a spec. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '@waybill/client/limits';
import { canonicalize } from '@waybill/verify';
import { indexWeight, MAX_INDEX_WEIGHT } from '#core/outputs-frame.ts';
import { asMany } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const long = (prefix: string, n: number, length: number): string => `${prefix}${n}-`.padEnd(length, 'x');

/** As many outputs with short names as are recorded of one attempt. */
function mostOutputs(): string[] {
  const names = Array.from({ length: 300 }, (_, n) => `out-${n}`);
  while (indexWeight(names.map((name) => ({ name: `outputs/${name}` }))) > MAX_INDEX_WEIGHT) names.pop();
  return names;
}

describe('flow: fan-in', () => {
  it('an item with as many inputs, dependencies, locks and outputs as there may be is sealed and verified', async () => {
    const makers = Array.from({ length: LIMITS.needsPerItem }, (_, n) => long('make-', n, LIMITS.nameChars));
    const others = Array.from({ length: asMany(LIMITS.depsPerPlanEntry - makers.length, 12) }, (_, n) =>
      long('also-', n, LIMITS.nameChars),
    );
    const around = canonicalize({ from: [makers[0]], key: long('in-', 0, 63), select: { output: '' } }).length + 1;
    const path = 'p'.repeat(Math.floor((LIMITS.needsBytes - 2) / makers.length) - around);
    const needs = Object.fromEntries(
      makers.map((from, n) => [long('in-', n, LIMITS.nameChars), { from, select: { output: path } }]),
    );
    const locks = Array.from({ length: LIMITS.locksPerItem }, (_, n) => long('lock-', n, LIMITS.lockNameChars));
    const names = mostOutputs();
    const execute = (job: { item: string }) => {
      if (job.item !== 'all') return { ...SUCCEEDED, outputs: { [path]: Buffer.from(job.item) } };
      return { ...SUCCEEDED, outputs: Object.fromEntries(names.map((name) => [name, Buffer.from(name)])) };
    };
    await withBed({ execute, concurrency: 20 }, async (bed) => {
      const all = { id: 'all', needs, locks, dependsOn: others, lens: 'gate' as const };
      bed.submit('s', runOf([...makers, ...others].map((id) => ({ id }) as { id: string }).concat(all)));
      const { item, status } = await finished(bed, 's');
      assert.equal(status.state, 'done', JSON.stringify(item('all')));
      assert.equal(item('all')?.attempts[0]?.outputs.length, names.length);
    });
  });
});
