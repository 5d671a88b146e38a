import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deploymentFrom } from '../../packages/cli/src/deployed/stack-outputs.ts';
import { productionProps, ROOT, STACKS, templates } from './deployment.ts';

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/1234abcd';

/** Each reference as something of its kind, as a deployed stack would put it. */
function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[kind, operand] = []] = Object.entries(value as Record<string, unknown>);
  if (kind === 'Fn::Join') {
    const [glue, parts] = operand as [string, unknown[]];
    return parts.map(resolved).join(glue);
  }
  return /Key/.test(JSON.stringify(operand)) ? KEY : 'https://sqs.example/queue';
}

test('outputs: the stacks say everything that a deployment file can hold, and it reads as one', () => {
  const outputs = new Map<string, string>();
  for (const stack of STACKS) {
    for (const [name, output] of Object.entries(templates()[stack].Outputs ?? {})) {
      if (name.startsWith('Waybill')) outputs.set(name, resolved((output as { Value: unknown }).Value));
    }
  }
  const { env, origin } = productionProps();
  const deployment = deploymentFrom(outputs, { ...env, stacks: STACKS });
  assert.equal(deployment.origin, origin);
  assert.equal(deployment.retention, 'COMPLIANCE:400');
  const { keys, buckets, deadLetterQueues, images, ...rest } = deployment;
  assert.deepEqual(Object.keys(keys ?? {}).toSorted(), ['attest', 'data', 'log']);
  assert.deepEqual(Object.keys(buckets).toSorted(), ['artifacts', 'inbox', 'ledger', 'staging']);
  assert.ok((deadLetterQueues?.length ?? 0) > 8 && images?.length === 2);
  assert.equal(rest.functions?.length, 8);
  for (const field of [
    'table',
    'stateMachine',
    'cluster',
    'reconcileSchedule',
    'network',
    'alarmTopic',
    'vCpus',
  ] as const)
    assert.ok(rest[field], field);
});

test('outputs: whoever has deployed is told what comes next, in commands that there are', () => {
  const said = STACKS.flatMap((stack) =>
    Object.entries(templates()[stack].Outputs ?? {})
      .filter(([name]) => name.startsWith('NextStep'))
      .map(([, output]) => resolved((output as { Value: unknown }).Value)),
  );
  assert.equal(said.length, 2);
  const guide = readFileSync(join(ROOT, 'docs', 'deploy.md'), 'utf8');
  for (const text of said) {
    const commands = [...text.matchAll(/waybill (deployment pull|keys export|doctor --deployed)/g)].map(
      ([command]) => command,
    );
    assert.equal(commands.length, 2, text);
    for (const command of commands) assert.ok(guide.includes(`\n${command}`), command);
  }
  assert.ok(said.some((text) => text.includes('--stack waybill-ledger --stack waybill-state --stack waybill-runtime')));
});

test('outputs: the ledger stack alone is enough to export its keys', () => {
  const outputs = new Map<string, string>();
  for (const [name, output] of Object.entries(templates().ledger.Outputs ?? {})) {
    outputs.set(name, resolved((output as { Value: unknown }).Value));
  }
  const { keys } = deploymentFrom(outputs, { ...productionProps().env, stacks: ['ledger'] });
  assert.deepEqual([keys?.attest, keys?.log], [[KEY], [KEY]]);
});
