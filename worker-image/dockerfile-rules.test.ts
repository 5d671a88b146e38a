import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BLOCKS, WRAPPER } from '../lib/worker-containers.ts';
import { problemsOf } from './dockerfile-rules.ts';

const FILES = {
  Dockerfile: WRAPPER,
  'environments/example/Dockerfile': BLOCKS,
} as const;
const textOf = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');

describe('dockerfiles:', () => {
  for (const [path, container] of Object.entries(FILES)) {
    it(`${path} holds to every rule`, () => assert.deepEqual(problemsOf(textOf(path), container), []));
  }

  const wrapper = textOf('Dockerfile');
  for (const [problem, changed] of [
    ['an instruction that no rule knows', `${wrapper}ADD https://example.com/x /x\n`],
    ['an instruction that no rule knows', `${wrapper}ENV AWS_REGION=eu-central-1\n`],
    ['a base that is no argument', wrapper.replace(/FROM \S+ AS/, 'FROM node:24 AS')],
    ['a default for a base', wrapper.replace('ARG BASE', 'ARG BASE=node:latest')],
    ['a step that runs in a shell or fetches', wrapper.replace(/RUN .*/, 'RUN apt-get update')],
    ['a copy between stages that leaves the owner open', wrapper.replace('--chown=0:0 ', '')],
    ['a copy from an image that is no stage', wrapper.replace('--from=assemble', '--from=node:latest')],
    ['another user', wrapper.replace('USER 10001:10001', 'USER root')],
    ['another user', wrapper.replace(/USER .*\n/, '')],
    ['another entry point', wrapper.replace(/ENTRYPOINT .*/, 'ENTRYPOINT /opt/waybill/node /opt/waybill/worker.mjs')],
    ['other volumes', wrapper.replace('"/waybill/run", ', '')],
  ] as const) {
    it(`a Dockerfile with ${problem} is caught`, () => {
      assert.notEqual(changed, wrapper);
      assert.deepEqual(problemsOf(changed, WRAPPER), [problem]);
    });
  }
});
