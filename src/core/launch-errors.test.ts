import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  isOfLaunch,
  LAUNCH_UNHEARD,
  type LaunchVerdict,
  launchErrors,
  launchVerdict,
  NOT_PLACED,
} from './launch-errors.ts';

/** As AWS says it, whole: the resource has a place of its own in it. */
function denied(action: string, resource: string): string {
  const who = 'User: arn:aws:sts::1:assumed-role/waybill/dispatch';
  return `${who} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows it`;
}

const CASES: readonly (readonly [string, string, LaunchVerdict])[] = [
  ['ECS.AccessDeniedException', denied('ecs:RunTask', 'arn:aws:ecs:eu-west-1:1:task-definition/w:1'), 'terminal'],
  ['AccessDeniedException', denied('states:StartExecution', 'arn:aws:states:eu-west-1:1:stateMachine:w'), 'terminal'],
  ['AccessDenied', denied('sts:AssumeRole', 'arn:aws:iam::1:role/w'), 'terminal'],
  ['ECS.ClusterNotFoundException', 'Rate exceeded', 'terminal'],
  ['ECS.ClientException', 'TaskDefinition is inactive', 'terminal'],
  ['ECS.ClientException', 'The requested CPU configuration is above your limit', 'not_yet'],
  ['ECS.ThrottlingException', 'Rate exceeded', 'not_yet'],
  ['ThrottlingException', '', 'not_yet'],
  ['ExecutionLimitExceeded', '', 'not_yet'],
  ['ECS.InvalidParameterException', 'No Container Instances were found', 'retryable'],
  ['ECS.InvalidParameterException', 'Error retrieving security group: Request limit exceeded.', 'not_yet'],
  ['ECS.ServerException', 'Service Unavailable', 'retryable'],
  ['ECS.AmazonECSException', "You've reached the limit on the number of vCPUs you can run concurrently", 'not_yet'],
  [NOT_PLACED, `[{"Reason":"You've reached the limit on the number of vCPUs you can run concurrently"}]`, 'not_yet'],
  [NOT_PLACED, '[{"Arn":"arn:aws:ecs:1","Reason":"RESOURCE:ENI"}]', 'not_yet'],
  [NOT_PLACED, '[{"Reason":"MISSING"}]', 'retryable'],
  ['', 'Capacity is unavailable at this time. Please try again later.', 'not_yet'],
  ['', 'CannotPullContainerError: no such image', 'retryable'],
  ['constructor', '', 'retryable'],
];

for (const [name, said, verdict] of CASES) {
  it(`an error of a launch, ${name || 'without a name'}: ${said || 'nothing said'} is ${verdict}`, () => {
    assert.equal(launchVerdict(name, said), verdict);
  });
}

it('errors of a launch are told from those of later calls, which another service may name alike', () => {
  const errors = ['ECS.ThrottlingException', NOT_PLACED, 'Ecs.ThrottlingException', LAUNCH_UNHEARD, 'States.Timeout'];
  assert.deepEqual(errors.map(isOfLaunch), [true, true, false, false, false]);
});

it('no error is in two lists of a machine', () => {
  const all = (['terminal', 'retryable', 'not_yet'] as const).flatMap(launchErrors);
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.every((name) => /^ECS\.\w+$/.test(name)));
});
