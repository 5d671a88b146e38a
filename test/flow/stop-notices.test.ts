/** What the platform says of a worker's end, and how its attempt ends by that. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deriveAttemptId } from '@waybill/verify';
import { settleStopped } from '#flow/settle.ts';
import type { StopNotice } from '#ports/launcher.ts';
import { Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { runOf } from '../support/run-spec.ts';

type Case = [
  title: string,
  notice: Pick<StopNotice, 'cause' | 'exit'>,
  outcome: string,
  reason: string,
  exit?: number | null,
];
const CASES: Case[] = [
  ['what the kernel kills has too little memory', { cause: 'exited', exit: 137 }, 'failed', 'out_of_memory'],
  ['so has what the platform says so of', { cause: 'out_of_memory', exit: null }, 'failed', 'out_of_memory'],
  [
    'what is stopped and killed then, for it took its time, is lost',
    { cause: 'interrupted', exit: 137 },
    'lost',
    'interrupted',
  ],
  ['what never started is lost', { cause: 'start_failed', exit: null }, 'lost', 'start_failed'],
  ['an exit code of what never started is none', { cause: 'start_failed', exit: 1 }, 'lost', 'start_failed', null],
  ['nor is one of what had no room', { cause: 'no_room', exit: 137 }, 'deferred', 'launch_deferred', null],
  ['what a signal ended is lost', { cause: 'signalled', exit: 139 }, 'lost', 'no_result'],
];

describe('flow: stop notices', { concurrency: true }, () => {
  for (const [title, notice, outcome, reason, exit = notice.exit] of CASES) {
    it(title, async () => {
      const never = new Gate();
      const execute = (job: { attempt: number }) =>
        job.attempt === 1 ? never.opened.then(() => SUCCEEDED) : SUCCEEDED;
      await withBed({ execute }, async (bed) => {
        const run = bed.submit('s', runOf([{ id: 'x' }]));
        const attemptId = deriveAttemptId(run, 'x', 1);
        await bed.until(
          async () =>
            (await bed.row<{ state: string }>({ pk: `attempt/${attemptId}`, sk: 'attempt' }))?.state === 'dispatched',
        );
        const flow = flowOn(bed);
        assert.equal(await settleStopped(flow, { attemptId, detail: '', ...notice }), true);
        const [ended] = (await bed.itemRow(run, 'x'))?.attempts ?? [];
        assert.deepEqual([ended?.outcome, ended?.reason, ended?.exit], [outcome, reason, exit]);
        never.open();
      });
    });
  }
});
