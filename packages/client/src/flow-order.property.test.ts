/** Whatever a flow says and however its run goes: what follows a failure, or a gate that was never asked, does not happen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionHolds, firstDone, meaningOf, type Operand, testsOf, type UpstreamEnd } from '@waybill/verify';
import fc from 'fast-check';
import { task } from '../test/flow-sample.ts';
import { flows } from '../test/flow-shapes.ts';
import { compileFlow } from './compile-flow.ts';
import type { PlanItem } from './plan.ts';

/** Items that are left out by what they need though their conditions hold; `chance` says how work ends and which files there are. */
function played(
  items: readonly PlanItem[],
  chance: () => boolean,
): { unasked: string[]; failed: string[]; hasRun: (id: string) => boolean } {
  const ends = new Map<string, UpstreamEnd>();
  const files = new Map<string, boolean>();
  const unasked: string[] = [];
  const answer = (test: ReturnType<typeof testsOf>[number]): Operand => {
    const { state } = endOf(ends, test.from);
    if ('state' in test) return { from: test.from, state };
    const file = `${test.from} ${test.output}`;
    files.set(file, files.get(file) ?? (state === 'done' && chance()));
    return { from: test.from, output: test.output, sha256: null, value: files.get(file) === true ? true : 'absent' };
  };
  const endingOf = (item: PlanItem): Pick<UpstreamEnd, 'state' | 'isLeftOut'> => {
    const { when, needs, deps } = item;
    const holds = when === undefined || conditionHolds(when, testsOf(when).map(answer));
    const means = deps.map((id) => meaningOf(item, endOf(ends, id)));
    const lacking = needs.find(({ from }) => firstDone(from, (id) => endOf(ends, id).state === 'done') === null);
    const isStopped = means.some((one) => one.startsWith('upstream'));
    if (isStopped || lacking !== undefined) {
      // Whoever ends first says why.
      const isLeftOut = isStopped ? means.includes('upstream_skipped') : endOf(ends, lacking?.from[0] ?? '').isLeftOut;
      if (isLeftOut && holds) unasked.push(item.id);
      return { state: 'skipped', isLeftOut };
    }
    if (!holds) return { state: 'skipped', isLeftOut: true };
    return { state: chance() ? 'done' : 'failed', isLeftOut: false };
  };
  for (let left = items; left.length > 0; left = left.filter(({ id }) => !ends.has(id))) {
    for (const item of left.filter(({ deps }) => deps.every((id) => ends.has(id))))
      ends.set(item.id, { id: item.id, lettingPass: item.onError === 'continue', ...endingOf(item) });
  }
  const failures = [...ends.values()].filter(({ state, lettingPass }) => state === 'failed' && !lettingPass);
  const failed = failures.map(({ id }) => id).filter((id) => id !== 'last');
  return { unasked, failed, hasRun: (id) => endOf(ends, id).state !== 'skipped' };
}

function endOf(ends: ReadonlyMap<string, UpstreamEnd>, id: string): UpstreamEnd {
  return ends.get(id) ?? assert.fail(`${id} has not ended`);
}

test('flow order: however a run goes, nothing follows a failure, or a gate that was left out though its conditions hold', () => {
  let lackingWork = 0;
  fc.assert(
    fc.property(flows, fc.infiniteStream(fc.nat({ max: 3 })), (flow, stream) => {
      const result = compileFlow({ ...flow, tasks: [...(flow.tasks as object[]), task('last')] }, new Map());
      if (!result.ok) return;
      const isGate = ({ pipeline }: PlanItem): boolean => pipeline.some((one) => 'lens' in one);
      const gates = new Set(result.items.filter(isGate).map(({ id }) => id));
      for (let round = 0; round < 5; round++) {
        const { unasked, failed, hasRun } = played(result.items, () => stream.next().value !== 0);
        if (!hasRun('last')) continue;
        lackingWork += unasked.length;
        assert.deepEqual([failed, unasked.filter((id) => gates.has(id))], [[], []]);
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(lackingWork > 20, `${lackingWork} times work was left out by what it needs`);
});
