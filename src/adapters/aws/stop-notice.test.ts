import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NOT_PLACED } from '#core/launch-errors.ts';
import type { StopNotice } from '#ports/launcher.ts';
import { stopNoticeOf } from './stop-notice.ts';

const ATTEMPT = '0123456789abcdef'.repeat(2);

const task = (change: object = {}) => ({
  'detail-type': 'ECS Task State Change',
  detail: {
    lastStatus: 'STOPPED',
    startedBy: ATTEMPT,
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    containers: [
      { name: 'blocks', exitCode: 0 },
      { name: 'wrapper', exitCode: 0 },
    ],
    ...change,
  },
});

const execution = (change: object = {}) => ({
  'detail-type': 'Step Functions Execution Status Change',
  detail: { name: `a-${ATTEMPT}`, status: 'FAILED', error: null, cause: null, ...change },
});

const containers = (wrapper: object, blocks: object = {}) => ({
  containers: [
    { name: 'blocks', ...blocks },
    { name: 'wrapper', ...wrapper },
  ],
});

const cases: [title: string, event: object, cause: StopNotice['cause'], exit: number | null, detail: RegExp][] = [
  ['a worker that ended by itself', task(), 'exited', 0, /^Essential container in task exited$/],
  ['one with an exit code', task(containers({ exitCode: 40 })), 'exited', 40, /./],
  [
    'an image that cannot be pulled',
    task({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'CannotPullContainerError: pull image manifest has been retried 1 time(s)',
      ...containers({}, { reason: 'CannotPullContainerError: not found' }),
    }),
    'start_failed',
    null,
    /CannotPullContainerError.*; blocks: CannotPullContainerError: not found/,
  ],
  ['a task that a spot instance took along', task({ stopCode: 'SpotInterruption' }), 'interrupted', 0, /./],
  [
    'too little memory, as ECS says it',
    task(containers({ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' })),
    'out_of_memory',
    137,
    /OutOfMemoryError.*raise the memory of the task$/,
  ],
  [
    'too little memory for the blocks while the wrapper lives on',
    task(containers({ exitCode: 0 }, { exitCode: 137, reason: 'OutOfMemoryError: Container killed' })),
    'out_of_memory',
    0,
    /raise the memory/,
  ],
  [
    'a kill by nobody, which is the kernel',
    task(containers({ exitCode: 137 })),
    'out_of_memory',
    137,
    /raise the memory/,
  ],
  [
    'a kill after our own stop, which is not',
    task({ stopCode: 'UserInitiated', stoppedReason: 'the attempt has ended', ...containers({ exitCode: 137 }) }),
    'interrupted',
    137,
    /^the attempt has ended$/,
  ],
  ['a signal', task(containers({ exitCode: 139 })), 'signalled', 139, /./],
  ['a stop code of tomorrow', task({ stopCode: 'SomethingNew' }), 'interrupted', 0, /./],
  [
    'a launch that AWS throttled under the name of an invalid parameter',
    execution({ error: 'ECS.InvalidParameterException', cause: 'Rate exceeded (Service: AmazonECS)' }),
    'no_room',
    null,
    /^execution FAILED; ECS\.InvalidParameterException; Rate exceeded .*ask for a higher quota/,
  ],
  [
    'a launch beyond the quota, answered with failures',
    execution({
      error: NOT_PLACED,
      cause: `[{"Reason":"You've reached the limit on the number of vCPUs you can run concurrently"}]`,
    }),
    'no_room',
    null,
    /^execution FAILED; Waybill\.NotPlaced; .*vCPUs/,
  ],
  [
    'a task that AWS had no room for',
    task({
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'Capacity is unavailable at this time. Please try again later or in a different availability zone',
    }),
    'no_room',
    null,
    /^Capacity is unavailable/,
  ],
  [
    'a task of which one container was killed because the other had no room',
    task({
      stopCode: 'TaskFailedToStart',
      ...containers({ exitCode: 137 }, { reason: 'CannotPullContainerError: Rate exceeded' }),
    }),
    'no_room',
    null,
    /Rate exceeded/,
  ],
  [
    'a task that could not be stopped because AWS throttled that',
    execution({ error: 'Ecs.ThrottlingException', cause: 'Rate exceeded' }),
    'interrupted',
    null,
    /Rate exceeded$/,
  ],
  [
    'a launch that nobody heard of, whose task was found and stopped',
    execution({ error: 'Waybill.LaunchUnheard', cause: 'Rate exceeded' }),
    'interrupted',
    null,
    /Rate exceeded$/,
  ],
  [
    'a worker that ended by itself and whose container says so',
    task(containers({ exitCode: 1, reason: 'Rate exceeded' })),
    'exited',
    1,
    /Rate exceeded/,
  ],
  [
    'a launch with a parameter that is invalid',
    execution({ error: 'ECS.InvalidParameterException', cause: 'The subnet does not exist' }),
    'start_failed',
    null,
    /The subnet does not exist$/,
  ],
  ['an execution out of time', execution({ status: 'TIMED_OUT' }), 'interrupted', null, /^execution TIMED_OUT$/],
  ['an execution that somebody stopped', execution({ status: 'ABORTED' }), 'interrupted', null, /ABORTED/],
];

describe('stop notice', () => {
  for (const [title, event, cause, exit, detail] of cases) {
    it(`${title} is ${cause}`, () => {
      const notice = stopNoticeOf(event);
      assert.deepEqual([notice?.attemptId, notice?.cause, notice?.exit], [ATTEMPT, cause, exit]);
      assert.match(notice?.detail ?? '', detail);
    });
  }

  const nothing: Record<string, unknown> = {
    'a task that goes on': task({ lastStatus: 'RUNNING' }),
    'a task of somebody else': task({ startedBy: 'ecs-svc/1234' }),
    'an execution that ended well': execution({ status: 'SUCCEEDED' }),
    'an execution of somebody else': execution({ name: 'a-backup' }),
    'another event': { 'detail-type': 'Object Created', detail: {} },
    'no event': null,
    'an event without details': { 'detail-type': 'ECS Task State Change' },
  };
  for (const [title, event] of Object.entries(nothing)) {
    it(`${title} is no notice`, () => assert.equal(stopNoticeOf(event), null));
  }

  it('details of any length are cut, and none are taken from what is no text', () => {
    const long = stopNoticeOf(task({ stoppedReason: 'x'.repeat(10_000) }));
    assert.equal(long?.detail.length, 2_000);
    const odd = stopNoticeOf(task({ stoppedReason: 5, containers: [null, { name: 3, exitCode: '1', reason: {} }] }));
    assert.deepEqual([odd?.exit, odd?.detail], [null, '']);
  });
});
