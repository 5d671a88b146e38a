import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, scratch } from '../test/scratch.ts';
import { VERBS } from './verbs.ts';

async function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { exit, err } = await call(args, env);
  const [first = '{}'] = err.trim().split('\n');
  return { exit, ...(JSON.parse(first).error as { code: string; path: string; fix: string }) };
}

test('target: it is taken before the verb, after it and from the environment', async (t) => {
  const absent = join(scratch(t), 'absent.json');
  const ways: [string[], NodeJS.ProcessEnv][] = [
    [['--target', 'aws', '--deployment', absent, 'status', 'latest'], {}],
    [['status', 'latest', '--target', 'aws', '--deployment', absent], {}],
    [['--target', 'aws', 'audit', 'export', 'latest', '--deployment', absent], {}],
    [['runs'], { WAYBILL_TARGET: 'aws', WAYBILL_DEPLOYMENT: absent }],
  ];
  for (const [args, env] of ways) {
    const { exit, code, path } = await refusal(args, env);
    assert.deepEqual([exit, code, path], [4, 'FILE_UNREADABLE', absent], args.join(' '));
  }
});

test('target: words that mean nothing or contradict each other are usage errors', async () => {
  const bad = [
    ['--target', 'gcp', 'runs'],
    ['--target', 'aws', 'runs', '--target', 'aws'],
    ['runs', '--deployment', 'file.json'],
    ['--target', 'aws', 'audit', 'log'],
    ['doctor'],
    ['deployment', 'pull'],
    ['deployment', 'pull', '--stack', 'Ledger'],
  ];
  for (const args of bad) {
    const { exit, code, fix } = await refusal(args);
    assert.deepEqual([exit, code, fix.length > 5], [4, 'USAGE', true], args.join(' '));
  }
});

test('target: verbs on the files of a state directory are refused for a deployment', async () => {
  const embedded = VERBS.filter(({ isEmbeddedOnly }) => isEmbeddedOnly === true);
  assert.ok(embedded.length > 2);
  for (const { name, args } of embedded) {
    const words = args.split(' ').filter((word) => word.startsWith('<'));
    const { exit, code, path } = await refusal(['--target', 'aws', ...name.split(' '), ...words]);
    assert.deepEqual([exit, code, path], [4, 'USAGE', '--target aws'], name);
  }
});

test('target: everything that is wrong with a deployment file is said, with its path', async (t) => {
  const file = join(scratch(t), 'deployment.json');
  writeFileSync(file, '{"format":"waybill-deployment/v1","account":"1","buckets":{"inbox":"UPPER"}}');
  for (const args of [
    ['runs', '--target', 'aws', '--deployment', file],
    ['doctor', '--deployed', '--deployment', file],
  ]) {
    const { exit, err } = await call(args, {});
    const errors = err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).error);
    assert.equal(exit, 4);
    assert.deepEqual(
      errors.map(({ path }) => path).toSorted(),
      ['account', 'buckets.inbox', 'origin', 'region'].map((path) => `${file}: ${path}`),
    );
  }
});
