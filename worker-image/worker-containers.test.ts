import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { it } from 'node:test';
import { WORKER_ENV } from '#core/names.ts';
import { BLOCKS, RUNNER_SOCKET, WORKER_VOLUMES, type WorkerContainer, WRAPPER } from '../lib/worker-containers.ts';

const writable = ({ mounts }: WorkerContainer): string[] =>
  mounts.filter(({ readOnly }) => !readOnly).map(({ volume }) => volume);

it('containers: blocks get no variable but the path of the socket', () => {
  assert.deepEqual(BLOCKS.environment, { WAYBILL_RUNNER_SOCKET: RUNNER_SOCKET });
  assert.deepEqual([...BLOCKS.deploymentEnvironment, ...BLOCKS.launchEnvironment], []);
  assert.equal(dirname(RUNNER_SOCKET), WORKER_VOLUMES.run);
});

it('containers: what only the wrapper may change is read-only for blocks, and its own directory is not there', () => {
  assert.deepEqual(
    writable(WRAPPER).filter((volume) => !writable(BLOCKS).includes(volume)),
    ['inputs', 'job', 'private'],
  );
  assert.equal(
    BLOCKS.mounts.some(({ volume }) => volume === 'private'),
    false,
  );
});

it('containers: a launch sets the attempt and its lease, and the deployment what the worker pins', () => {
  assert.deepEqual(WRAPPER.launchEnvironment, [WORKER_ENV.attemptId, WORKER_ENV.leaseUrl]);
  assert.deepEqual(WRAPPER.deploymentEnvironment, [WORKER_ENV.keys, WORKER_ENV.origin, WORKER_ENV.environmentImage]);
  assert.ok(WORKER_ENV.runnerSocket in WRAPPER.environment);
});

it('containers: neither is given a credential, and nothing but the wrapper is told of an attempt', () => {
  const namesOf = ({ environment, deploymentEnvironment, launchEnvironment }: WorkerContainer): string[] => [
    ...Object.keys(environment),
    ...deploymentEnvironment,
    ...launchEnvironment,
  ];
  const credential = /^AWS_|TOKEN|SECRET|PASSWORD|CREDENTIAL/;
  assert.deepEqual(
    [...namesOf(WRAPPER), ...namesOf(BLOCKS)].filter((name) => credential.test(name)),
    [],
  );
  assert.ok(credential.test('AWS_SESSION_TOKEN'));
});
