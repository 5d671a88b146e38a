/**
 * Everything that the flow hints follows from changes of rows. Every bed of the flow tests checks that for its own
 * scenario when it is closed; here stands that the check has something to check, and that it fails for every rule of
 * `workOf` that is lost.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type RowChange, type Work, workOf } from '#core/row-changes.ts';
import type { Hints } from '#flow/deps.ts';
import { aborted, FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { HintCheck } from '../support/hint-check.ts';
import { cancelOf, runOf } from '../support/run-spec.ts';

const SPEC = runOf([
  { id: 'top' },
  { id: 'left', dependsOn: ['top'], locks: ['l'] },
  { id: 'right', dependsOn: ['top'], locks: ['l', 'm'] },
  { id: 'bottom', dependsOn: ['left', 'right'] },
  { id: 'flaky', retry: { maxAttempts: 2, backoff: '100ms' } },
  { id: 'bad' },
  { id: 'behind-bad', dependsOn: ['bad'] },
  { id: 'cancelled' },
]);

const worker: Execute = async (job, { signal }) => {
  if (job.item === 'bad' || (job.item === 'flaky' && job.attempt === 1)) return FAILED;
  if (job.item !== 'cancelled') return SUCCEEDED;
  await aborted(signal);
  return null;
};

async function runWith(check: HintCheck): Promise<void> {
  await withBed({ execute: worker, check, concurrency: 4 }, async (bed) => {
    const run = bed.submit('s', SPEC);
    await bed.until(async () => (await bed.itemRow(run, 'cancelled'))?.state === 'running');
    bed.control('stop', cancelOf(run, 'cancelled'));
    const { states } = await finished(bed, 's');
    assert.equal(states.bottom, 'done');
    assert.equal(states.cancelled, 'cancelled');
  });
  assert.deepEqual(check.unshown, [], 'a run that changes is one whose status is written again');
}

const LOST: Record<string, (change: RowChange, work: Work) => boolean> = {
  'a ready row': ({ sk }, { do: what }) => what === 'advance' && sk.startsWith('ready/'),
  'a freed slot': ({ sk }, { do: what }) => what === 'advance' && sk === 'queue',
  'a todo row of locks': (_change, { do: what }) => what === 'advance-locks',
  'a wake row': (_change, { do: what }) => what === 'wake',
  'a claimed attempt': (_change, { do: what }) => what === 'dispatch',
  'an opened run': (_change, { do: what }) => what === 'opened',
  'a completed run': (_change, { do: what }) => what === 'ended',
  'a timer row and a marked attempt': (_change, { do: what }) => what === 'timer',
  'an item row': ({ sk }, { do: what }) => what === 'publish-status' && sk.startsWith('item/'),
};

describe('flow: hints follow from changes of rows', { concurrency: true }, () => {
  it('every kind of hint is held against changes in one scenario, and none is unfounded', async () => {
    const check = new HintCheck();
    await runWith(check);
    const kinds = [...check.checked.keys()].sort();
    const expected = [
      'claimed',
      'itemEnded',
      'locksReleased',
      'queueChanged',
      'runChanged',
      'runCompleted',
      'runOpened',
    ];
    assert.deepEqual(kinds, [...expected, 'timerSet']);
  });

  it('without a hint for a status that is to be written the check fails', async () => {
    class Unsaid extends HintCheck {
      override hear(own: Hints): Hints {
        return { ...super.hear(own), runChanged: own.runChanged };
      }
    }
    await assert.rejects(runWith(new Unsaid()), /whose status is written again/);
  });

  for (const [name, isLost] of Object.entries(LOST)) {
    it(`without the work of ${name} the check fails`, async () => {
      const check = new HintCheck((change) => workOf(change).filter((work) => !isLost(change, work)));
      await assert.rejects(runWith(check), /every hint follows from a change of a row/);
    });
  }
});
