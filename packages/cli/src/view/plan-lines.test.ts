import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanItem } from '@waybill/client';
import { HOSTILE, UNSEEN } from '../../test/run-sample.ts';
import { shapeOf } from '../plan-shape.ts';
import { mermaidText, planLines, type Sketch } from './plan-lines.ts';
import { paintLines } from './styled.ts';

function item(id: string, rest: Partial<PlanItem> = {}): PlanItem {
  return {
    id,
    deps: [],
    needs: [],
    locks: [],
    pipeline: [{ block: 'script', run: 'true' }],
    env: {},
    priority: 50,
    timeoutMs: 60_000,
    retry: { maxAttempts: 1, backoffMs: 1000, maxBackoffMs: 60_000 },
    ...rest,
  };
}

const PLAN: Sketch = {
  name: 'nightly',
  queue: 'default',
  origins: null,
  items: [
    item('edit', {
      locks: [
        { name: 'repo:api', mode: 'exclusive' },
        { name: 'docs', mode: 'shared' },
      ],
      pipeline: [
        { block: 'agent', adapter: 'command', command: ['x'] },
        { block: 'capture', what: 'patch' },
      ],
    }),
    item('lint', { onError: 'continue', retry: { maxAttempts: 3, backoffMs: 1000, maxBackoffMs: 60_000 } }),
    item('end', {
      deps: ['edit', 'lint'],
      when: { from: 'edit', state: 'done' },
      needs: [{ key: 'change', from: ['edit'], select: 'patch' }],
      pipeline: [{ block: 'script', run: 'true', lens: 'verify' }],
    }),
  ],
};

test('plan: the tree shows blocks, needs, locks and retries, and the chains that matter', () => {
  assert.equal(
    paintLines(planLines(PLAN, shapeOf(PLAN.items)), { colour: false }),
    `nightly  3 items, 2 edges, 2 levels, up to 2 side by side, queue default

edit   agent(command) capture(patch); locks repo:api, docs*
  end  script(verify); needs change; on a condition; also after lint
lint   script; may fail; up to 3 attempts

longest chain  2 items, at most 2 m 00 s: edit -> end
critical path  2 items, at most 2 m 00 s: edit -> end (one attempt each, by timeout)
`,
  );
});

test('plan: of a flow it also shows which task each item comes from', () => {
  const plan = { ...PLAN, origins: ['tasks[0].parallel[0]', 'tasks[0].parallel[1]', 'tasks[1]'] };
  const text = paintLines(planLines(plan, shapeOf(plan.items)), { colour: false });
  assert.match(text, /^ {2}end {2}script\(verify\); needs change; on a condition; also after lint; from tasks\[1\]$/m);
  assert.match(text, /^lint {3}script; may fail; up to 3 attempts; from tasks\[0\]\.parallel\[1\]$/m);
});

test('plan: an item that becomes many says by what, and how many at most', () => {
  const map = item('map', { deps: ['edit'], forEach: { from: 'edit', outputs: 'shards/', as: 'item', max: 20 } });
  const items = [...PLAN.items, map];
  const text = paintLines(planLines({ ...PLAN, items }, shapeOf(items)), { colour: false });
  assert.match(text, /^ {2}map {2}script; once for each shards\/… of edit, at most 20$/m);
});

test('plan: a chain with a gate of people is bounded by its end, or not at all', () => {
  const textWith = (gate: object): string => {
    const go = item('go', { deps: ['edit'], pipeline: [], gate: { approvals: 1, reviewers: [], ...gate } });
    const items = [...PLAN.items.slice(0, 1), go];
    return paintLines(planLines({ ...PLAN, items }, shapeOf(items)), { colour: false });
  };
  assert.match(textWith({}), /^critical path {2}2 items, at most 1 m 00 s and what people take: edit -> go /m);
  assert.match(textWith({}), /^longest chain {2}2 items, at most 1 m 00 s and what people take: edit -> go$/m);
  assert.match(textWith({ expiresMs: 24 * 3_600_000 }), /^critical path {2}2 items, at most 24 h 01 m: edit -> go /m);
});

test('plan: as Mermaid, hand-offs are named on their edges', () => {
  assert.equal(
    mermaidText(PLAN),
    `flowchart LR
  n0["edit"]
  n1["lint"]
  n2["end"]
  n0 -->|change| n2
  n1 --> n2
`,
  );
});

test('plan: a chain of 10,000 items is shown in bounded space', () => {
  const items = Array.from({ length: 10_000 }, (_, n) => item(`i${n}`, { deps: n === 0 ? [] : [`i${n - 1}`] }));
  const text = paintLines(planLines({ ...PLAN, items }, shapeOf(items)), { colour: false });
  assert.ok(text.length < 1_000_000, `${text.length} characters`);
  assert.match(text, /longest chain {2}10000 items, .*: i0 -> … 9998 more … -> i9999\n/);
});

test('plan: hostile names break neither the tree nor the chart', () => {
  const items = [item(`"]; click ${HOSTILE}`)];
  const text =
    mermaidText({ ...PLAN, items }) + paintLines(planLines({ ...PLAN, items }, shapeOf(items)), { colour: false });
  assert.doesNotMatch(text, UNSEEN);
  assert.equal(mermaidText({ ...PLAN, items }).split('"').length, 3);
});
