/** Items that ask: they hold nothing while they wait, and every later attempt is given all that was said. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_QUESTIONS } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import { keys } from '#core/rows.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { aborted, answerTo, FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { answerOf, cancelOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Asks until it has been answered so often. */
const asking =
  (times: number): Execute =>
  (_job, { lease }) => {
    const given = lease.inputs.filter(({ key }) => key.startsWith('answer-')).length;
    if (given >= times) return SUCCEEDED;
    return { outcome: 'deferred', reason: 'needs_input', exit: 20, question: `Which of ${given + 1}?\n` };
  };

const asked = (bed: FlowBed, run: string, item = 'x') =>
  bed.until(async () => (await bed.itemRow(run, item))?.asking !== undefined);

const X: ItemDraft = { id: 'x', retry: { maxAttempts: 1 } };

describe('flow: questions', { concurrency: true }, () => {
  it('an item that asks waits over a restart, holding nothing, and goes on with the answer', async () => {
    const first = await openFlowBed({ execute: asking(2) });
    const run = first.submit(
      's',
      runOf([
        { ...X, locks: ['l'] },
        { id: 'behind', dependsOn: ['x'] },
      ]),
    );
    await asked(first, run);
    await first.halt();
    const given: string[] = [];
    const execute: Execute = (job, context) => {
      if (job.item === 'x') given.push(context.lease.inputs.map(({ key }) => key).join(' '));
      return job.item === 'x' ? asking(2)(job, context) : SUCCEEDED;
    };
    await withBed({ execute, directory: first.directory, concurrency: 1 }, async (bed) => {
      assert.deepEqual((await bed.row<QueueRow>(keys.queue('default')))?.holders, []);
      bed.submit('other', runOf([{ id: 'y', locks: ['l'] }]));
      await finished(bed, 'other');
      const shown = await bed.until(() => bed.status('s')?.items[0]?.waiting?.question);
      assert.deepEqual([shown.text, shown.attempt], ['Which of 1?\n', 1]);
      assert.deepEqual(await answerTo(bed, 'a1', answerOf(run, 'x', 'the first', shown.sha256)), [
        'accepted',
        undefined,
      ]);
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.talk?.length === 2);
      const late = answerOf(run, 'x', 'the first again', shown.sha256);
      assert.deepEqual(await answerTo(bed, 'late', late), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'a2', answerOf(run, 'x', 'the second')), ['accepted', undefined]);
      const { states, item, events } = await finished(bed, 's');
      assert.deepEqual(states, { x: 'done', behind: 'done' });
      const whole = 'question-1.txt answer-1.txt question-2.txt answer-2.txt';
      assert.deepEqual(given, ['question-1.txt answer-1.txt', whole]);
      const outcomes = item('x')?.attempts.map(({ outcome, reason }) => `${outcome} ${reason}`);
      assert.deepEqual(outcomes, ['deferred needs_input', 'deferred needs_input', 'succeeded ok']);
      const asks = eventsOf(events, 'attempt.settled').flatMap(({ data }) => data.question ?? []);
      const answers = eventsOf(events, 'control.accepted').flatMap(({ data }) => data.answer ?? []);
      assert.deepEqual([asks.length, asks[0], answers.length], [2, shown.sha256, 2]);
      const bytes = await Array.fromAsync(await bed.deps.artifacts.open(answers[0] as `sha256:${string}`));
      assert.equal(Buffer.concat(bytes).toString(), 'the first');
      assert.doesNotMatch(JSON.stringify(events), /Which of|the first/);
    });
  });

  it('what asks can be skipped and cancelled, and is over at its deadline', async () => {
    await withBed({ execute: asking(1) }, async (bed) => {
      const run = bed.submit('s', runOf(['a', 'b', 'c'].map((id) => ({ ...X, id, onError: 'continue' }))));
      for (const id of ['a', 'b', 'c']) await asked(bed, run, id);
      await answerTo(bed, 'k', controlOf('skip', run, 'a'));
      await answerTo(bed, 'c', cancelOf(run, 'b'));
      await bed.until(async () => (await bed.itemRow(run, 'b'))?.state === 'cancelled');
      for (const id of ['a', 'b'])
        assert.deepEqual(await answerTo(bed, `late-${id}`, answerOf(run, id, 'x')), ['invalid', 'ITEM_STATE']);
      await answerTo(bed, 'a', answerOf(run, 'c', 'x'));
      assert.deepEqual((await finished(bed, 's')).states, { a: 'skipped', b: 'cancelled', c: 'done' });
      bed.submit('late', runOf([{ ...X, deadline: '2s' }]));
      const { item } = await finished(bed, 'late');
      assert.deepEqual([item('x')?.state, item('x')?.reason], ['failed', 'deadline_exceeded']);
    });
  });

  it('what asks nothing has nothing to be answered, and sending it back or trying it again changes nothing', async () => {
    const execute: Execute = async (job, context) => {
      if (job.item === 'x') return asking(1)(job, context);
      await aborted(context.signal);
      return FAILED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([X, { id: 'runs' }, { id: 'gate', gate: {} }]));
      await asked(bed, run);
      for (const id of ['runs', 'gate'])
        assert.deepEqual(await answerTo(bed, `a-${id}`, answerOf(run, id, 'x')), ['invalid', 'ITEM_STATE'], id);
      assert.deepEqual(await answerTo(bed, 'a-n', answerOf(run, 'n', 'x')), ['invalid', 'ITEM_UNKNOWN']);
      assert.deepEqual(await answerTo(bed, 'ap', controlOf('approve', run, 'x')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'rq', controlOf('requeue', run, 'x')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'rt', controlOf('retry', run, 'x')), ['deduped', undefined]);
      await answerTo(bed, 'c', cancelOf(run));
      await finished(bed, 's');
      assert.deepEqual(await answerTo(bed, 'end', answerOf(run, 'x', 'x')), ['invalid', 'RUN_SEALED']);
    });
  });

  it('an answer to a paused run is kept, and the item lines up when the run is resumed', async () => {
    await withBed({ execute: asking(1) }, async (bed) => {
      const run = bed.submit('s', runOf([X]));
      await asked(bed, run);
      await answerTo(bed, 'p', controlOf('pause', run));
      await answerTo(bed, 'a', answerOf(run, 'x', 'this'));
      assert.equal((await bed.itemRow(run, 'x'))?.shelved, true);
      await answerTo(bed, 'r', controlOf('resume', run));
      assert.equal((await finished(bed, 's')).states.x, 'done');
    });
  });

  it('what was said is given to attempts after a failure too, and after a retry that was asked for', async () => {
    const given: number[] = [];
    const execute: Execute = async (job, context) => {
      if (job.item === 'open') {
        await aborted(context.signal);
        return FAILED;
      }
      given.push(context.lease.inputs.length);
      return context.lease.inputs.length === 0 ? asking(1)(job, context) : job.attempt < 4 ? FAILED : SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x', retry: { maxAttempts: 2, backoff: '100ms' } }, { id: 'open' }]));
      await asked(bed, run);
      await answerTo(bed, 'a', answerOf(run, 'x', 'this'));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'failed');
      await answerTo(bed, 'r', controlOf('retry', run, 'x'));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'done');
      await answerTo(bed, 'c', cancelOf(run));
      const { counts } = (await finished(bed, 's')).status;
      assert.deepEqual(given, [0, 2, 2, 2]);
      assert.deepEqual([counts.attempts, counts.questions, counts.retries, counts.lost], [5, 1, 2, undefined]);
    });
  });

  it('an item asks so often and no oftener, and one that asks without a question has failed', async () => {
    await withBed({ execute: asking(MAX_QUESTIONS + 1) }, async (bed) => {
      const run = bed.submit('s', runOf([X]));
      for (let n = 1; n <= MAX_QUESTIONS; n += 1) {
        await bed.until(async () => {
          const row = await bed.itemRow(run, 'x');
          return row?.talk?.length === n && row.asking !== undefined;
        });
        await answerTo(bed, `a${n}`, answerOf(run, 'x', `${n}`));
      }
      const { item } = await finished(bed, 's');
      assert.deepEqual([item('x')?.state, item('x')?.reason], ['failed', 'needs_input']);
    });
    await withBed({ execute: () => ({ outcome: 'deferred', reason: 'needs_input', exit: 20 }) }, async (bed) => {
      bed.submit('s', runOf([X]));
      assert.equal((await finished(bed, 's')).states.x, 'failed');
    });
  });
});
