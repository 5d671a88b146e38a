/** Behaviours 13 to 19: decisions, of programs and of people. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionHolds } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import {
  aborted,
  answerTo,
  FAILED,
  type FinishedRun,
  finished,
  inState,
  ranAlone,
  SUCCEEDED,
  withBed,
} from '../support/finished-run.ts';
import { answerOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const REVIEWERS = ['ada', 'bob', 'eve'];
type Said = boolean | 'fails' | 'nothing';

/** Two of three reviewers have to approve before anything is published; what each of them says, in their order. */
async function quorum(...said: Said[]): Promise<FinishedRun> {
  const needs = { draft: { from: 'draft', select: { output: 'draft.md' } } };
  const reviews = REVIEWERS.map((id): ItemDraft => ({ id, needs, onError: 'continue' }));
  const of = REVIEWERS.map((from) => ({ from, output: 'verdict.json', at: '/approve', equals: true }));
  const execute: Execute = ({ item }) => {
    const verdict = said[REVIEWERS.indexOf(item)];
    if (verdict === 'fails') return FAILED;
    const written =
      typeof verdict === 'boolean' ? { 'verdict.json': Buffer.from(JSON.stringify({ approve: verdict })) } : {};
    return { ...SUCCEEDED, outputs: { 'draft.md': Buffer.from('draft'), ...written } };
  };
  const publish = { id: 'publish', when: { atLeastOf: { n: 2, of } } };
  return ranAlone({ execute }, runOf([{ id: 'draft' }, ...reviews, publish]));
}

describe('behaviours: people', { concurrency: true }, () => {
  it('13. two of three distinct reviewers approve and one dissents: it goes on', async () => {
    const { states, status } = await quorum(true, false, true);
    assert.deepEqual([states.publish, status.state], ['done', 'done']);
  });

  it('14. when two of three dissent it does not go on, and anybody can count again from the record', async () => {
    const { states, events } = await quorum(false, true, false);
    assert.equal(states.publish, 'skipped');
    const [decided] = eventsOf(events, 'item.decided');
    const plan = eventsOf(events, 'run.planned').flatMap(({ data }) => data.items);
    const { when } = plan.find(({ id }) => id === 'publish') ?? {};
    assert.ok(when !== undefined && decided !== undefined);
    const values = decided.data.operands.map((operand) => 'value' in operand && operand.value);
    assert.deepEqual([values, conditionHolds(when, decided.data.operands)], [[false, true, false], false]);
  });

  it('15. no verdict is no approval: one that fails and one that writes nothing have not approved', async () => {
    const { states } = await quorum(true, 'fails', 'nothing');
    assert.deepEqual([states.bob, states.eve, states.publish], ['failed', 'done', 'skipped']);
  });

  it('16. a gate waits for people over a restart of the engine and goes on when they approve', async () => {
    const execute = () => SUCCEEDED;
    const items = [
      { id: 'build' },
      { id: 'gate', dependsOn: ['build'], gate: {} },
      { id: 'publish', dependsOn: ['gate'] },
    ];
    const before = await openFlowBed({ execute });
    const run = before.submit('s', runOf(items));
    await inState(before, run, 'gate', 'suspended');
    await before.halt();
    await withBed({ execute, directory: before.directory }, async (bed) => {
      assert.equal((await bed.itemRow(run, 'gate'))?.state, 'suspended');
      await answerTo(bed, 'yes', controlOf('approve', run, 'gate'));
      assert.deepEqual((await finished(bed, 's')).states, { build: 'done', gate: 'done', publish: 'done' });
    });
  });

  it('17. an item that asks waits without a slot until it is answered, and is given the answer', async () => {
    const execute: Execute = ({ item }, { lease }) =>
      item === 'asks' && lease.inputs.length === 0
        ? { outcome: 'deferred', reason: 'needs_input', exit: 20, question: 'Which?' }
        : SUCCEEDED;
    await withBed({ execute, concurrency: 1 }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'asks' }, { id: 'other', priority: 1 }]));
      await inState(bed, run, 'other', 'done');
      assert.equal((await bed.itemRow(run, 'asks'))?.asking, 'Which?');
      await answerTo(bed, 'a', answerOf(run, 'asks', 'This.'));
      assert.deepEqual((await finished(bed, 's')).states, { asks: 'done', other: 'done' });
    });
  });

  it('18. an item that is sent back while it runs is stopped, and runs again without having spent a try', async () => {
    const execute: Execute = async ({ attempt }, { signal }) => {
      if (attempt > 1) return SUCCEEDED;
      await aborted(signal);
      return null;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x', retry: { maxAttempts: 1 } }]));
      await inState(bed, run, 'x', 'running');
      await answerTo(bed, 'r', controlOf('requeue', run, 'x'));
      const { item, states } = await finished(bed, 's');
      assert.deepEqual([item('x')?.attempts[0]?.reason, states.x], ['requeued', 'done']);
    });
  });

  it('19. an item that somebody passes over is skipped with what depends on it, and its run is done', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit(
        's',
        runOf([{ id: 'late', notBefore: '2199-01-01T00:00:00Z' }, { id: 'after', dependsOn: ['late'] }, { id: 'x' }]),
      );
      await inState(bed, run, 'x', 'done');
      await answerTo(bed, 'k', controlOf('skip', run, 'late'));
      const { states, status } = await finished(bed, 's');
      assert.deepEqual([states, status.state], [{ late: 'skipped', after: 'skipped', x: 'done' }, 'done']);
    });
  });
});
