/** Which ends of tasks are told: all but those of workers that have told of their end themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stopNoticeOf } from '#adapters/aws/stop-notice.ts';
import { resources, templates } from './deployment.ts';
import { isMatched } from './event-pattern.ts';

const [rule] = resources(templates(), 'AWS::Events::Rule').filter(({ properties }) =>
  String(properties.Name).endsWith('task-stopped'),
);
const pattern = rule?.properties.EventPattern as { detail: { clusterArn: string[] } };

const ENDED = 'EssentialContainerExited';
const containers = (wrapper: number | undefined, blocks: number | undefined): object[] =>
  Object.entries({ blocks, wrapper }).map(([name, exitCode]) => ({
    name,
    ...(exitCode !== undefined && { exitCode }),
  }));

function stopped(more: object): object {
  const detail = {
    clusterArn: pattern.detail.clusterArn[0],
    lastStatus: 'STOPPED',
    startedBy: 'a'.repeat(32),
    ...more,
  };
  return { source: 'aws.ecs', 'detail-type': 'ECS Task State Change', detail };
}

test('ends of tasks: a worker that has ended well is not told of, however its other container ended', () => {
  for (const blocks of [0, 137, 143, undefined]) {
    const event = stopped({ stopCode: ENDED, containers: containers(0, blocks) });
    assert.equal(isMatched(pattern, event), false);
    assert.equal(stopNoticeOf(event)?.exit, 0, 'or it would be asked for what it has staged');
  }
});

test('ends of tasks: every other end is told of', () => {
  for (const told of [
    { stopCode: ENDED, containers: containers(1, 0) },
    { stopCode: ENDED, containers: containers(143, 0) },
    { stopCode: ENDED, containers: containers(undefined, undefined) },
    { stopCode: ENDED, containers: [{ name: 'wrapper' }] },
    { stopCode: 'TaskFailedToStart', containers: containers(undefined, undefined) },
    { stopCode: 'SpotInterruption', containers: containers(0, 0) },
    { stopCode: 'UserInitiated', containers: containers(0, 0) },
    { containers: containers(0, 0) },
  ]) {
    assert.equal(isMatched(pattern, stopped(told)), true, JSON.stringify(told));
  }
});
