import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type LaunchVerdict, launchErrors, launchVerdict, NOT_PLACED } from './launch-errors.ts';

const CASES: readonly (readonly [string, string, LaunchVerdict])[] = [
  ['ECS.AccessDeniedException', 'not authorized to perform: ecs:RunTask', 'terminal'],
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

it('no error is in two lists of a machine', () => {
  const all = (['terminal', 'retryable', 'not_yet'] as const).flatMap(launchErrors);
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.every((name) => /^ECS\.\w+$/.test(name)));
});
