/** Attempts that end before their time leave something, and the next one of the item goes on from it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHECKPOINT_KEY, digestOf } from '@waybill/verify';
import type { Execute, Execution } from '#adapters/in-process/executor.ts';
import { aborted, answerTo, FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { answerOf, cancelOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const kept = (text: string): { checkpoint: Uint8Array } => ({ checkpoint: new TextEncoder().encode(text) });
const digest = (text: string) => digestOf(new TextEncoder().encode(text));
const DEFERRED: Execution = { outcome: 'deferred', reason: 'turn_limit', exit: 57 };
const ASKS: Execution = { outcome: 'deferred', reason: 'needs_input', exit: 20, question: 'Which?\n' };
const X: ItemDraft = { id: 'x', retry: { maxAttempts: 3, backoff: '100ms' } };

/** The attempts of `x` end so, one after the other; what each is given to go on from is noted. */
function playing(ends: Execution[]): { execute: Execute; given: (string | undefined)[] } {
  const given: (string | undefined)[] = [];
  const execute: Execute = (job, { lease }) => {
    if (job.item !== 'x') return SUCCEEDED;
    given.push(lease.inputs.find(({ key }) => key === CHECKPOINT_KEY)?.sha256);
    return ends[job.attempt - 1] ?? SUCCEEDED;
  };
  return { execute, given };
}

describe('flow: checkpoints', { concurrency: true }, () => {
  it('what reached a limit is tried again within its budget, and goes on from the newest checkpoint of its item', async () => {
    const { execute, given } = playing([{ ...DEFERRED, ...kept('one') }, DEFERRED]);
    await withBed({ execute }, async (bed) => {
      bed.submit('s', runOf([X, { id: 'after', dependsOn: ['x'] }]));
      const { states, item, events } = await finished(bed, 's');
      assert.deepEqual(states, { x: 'done', after: 'done' });
      assert.deepEqual(given, [undefined, digest('one'), digest('one')]);
      assert.deepEqual(
        item('x')?.attempts.map(({ outcome, reason }) => `${outcome} ${reason}`),
        ['deferred turn_limit', 'deferred turn_limit', 'succeeded ok'],
      );
      const settled = eventsOf(events, 'attempt.settled').filter(({ data }) => data.item === 'x');
      assert.deepEqual(
        settled.map(({ data }) => data.checkpoint),
        [digest('one'), undefined, undefined],
      );
      assert.deepEqual(
        settled.map(({ data }) => data.spent),
        [true, true, false],
      );
    });
  });

  it('an answer resumes from where the question was asked', async () => {
    const { execute, given } = playing([{ ...ASKS, ...kept('so far') }]);
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ ...X, retry: { maxAttempts: 1 } }]));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.asking !== undefined);
      assert.deepEqual(await answerTo(bed, 'a', answerOf(run, 'x', 'this')), ['accepted', undefined]);
      assert.equal((await finished(bed, 's')).states.x, 'done');
      assert.deepEqual(given, [undefined, digest('so far')]);
    });
  });

  it('an item whose budget is spent fails with what it has, and goes on from it when somebody tries it again', async () => {
    const { execute, given } = playing([
      { ...DEFERRED, ...kept('one') },
      { outcome: 'timed_out', reason: 'timeout', ...kept('two') },
    ]);
    const held: Execute = async (job, context) => {
      if (job.item === 'x') return execute(job, context);
      await aborted(context.signal);
      return FAILED;
    };
    await withBed({ execute: held }, async (bed) => {
      const run = bed.submit('s', runOf([{ ...X, retry: { maxAttempts: 2, backoff: '100ms' } }, { id: 'open' }]));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'failed');
      assert.deepEqual((await bed.itemRow(run, 'x'))?.checkpoint, {
        attempt: 2,
        sha256: digest('two'),
        sizeBytes: 3,
      });
      await answerTo(bed, 'r', controlOf('retry', run, 'x'));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'done');
      await answerTo(bed, 'c', cancelOf(run));
      await finished(bed, 's');
      assert.deepEqual(given, [undefined, digest('one'), digest('two')]);
    });
  });

  it('what ended in a way that may have broken it leaves nothing, and saying that it does is a contract error', async () => {
    const { execute, given } = playing([{ ...FAILED, ...kept('broken') }]);
    await withBed({ execute }, async (bed) => {
      bed.submit('s', runOf([X]));
      const { item } = await finished(bed, 's');
      assert.deepEqual(
        item('x')?.attempts.map(({ outcome, reason }) => `${outcome} ${reason}`),
        ['contract_error result_invalid', 'succeeded ok'],
      );
      assert.deepEqual(given, [undefined, undefined]);
    });
  });

  it('of an attempt that was sent back nothing is left to go on from', async () => {
    const given: unknown[] = [];
    const execute: Execute = async (job, { lease, signal }) => {
      given.push(lease.inputs.length);
      if (job.attempt > 1) return SUCCEEDED;
      await aborted(signal);
      return { ...DEFERRED, ...kept('too late') };
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([X]));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'running');
      await answerTo(bed, 'rq', controlOf('requeue', run, 'x'));
      assert.equal((await finished(bed, 's')).states.x, 'done');
      assert.deepEqual(given, [0, 0]);
    });
  });
});
