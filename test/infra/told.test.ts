/** Functions are told what they read: a name that a handler asks for and its environment lacks would stop it at its first call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleFunction } from '../../lambdas/build.ts';
import { FUNCTIONS } from '../../lib/deployment-names.ts';
import { environmentOf } from '../../lib/function-environment.ts';
import { productionProps, resources, templatesOf, waybill } from './deployment.ts';
import { at } from './rules/rule.ts';

const told = new Map(
  resources(
    templatesOf(waybill({ ...productionProps(), evidence: { heartbeatMs: 60_000 } })),
    'AWS::Lambda::Function',
  ).map(({ properties }) => [
    String(properties.FunctionName),
    new Set(Object.keys(at(properties.Environment, 'Variables') as object)),
  ]),
);
const facts = new Set([...told.values()].flatMap((names) => [...names]));

/** Of the deployment's facts; other variables are of workers. */
function readBy(code: Uint8Array): string[] {
  const named =
    Buffer.from(code)
      .toString()
      .match(/\bWAYBILL_[A-Z_]+[A-Z]\b/g) ?? [];
  return [...new Set(named)].filter((name) => facts.has(name));
}

for (const which of FUNCTIONS) {
  test(`told: ${which} is told everything that its bundle asks for`, async () => {
    const { code } = await bundleFunction(which, { write: false });
    const read = readBy(code);
    assert.ok(read.includes('WAYBILL_DEPLOYMENT') && read.length > 1, read.join());
    assert.deepEqual(
      read.filter((name) => told.get(`waybill-${which}`)?.has(name) !== true),
      [],
    );
  });
}

test('told: what a function is not told would be seen', () => {
  const code = Buffer.from('setting("WAYBILL_MAILBOX_ROLE");setting("WAYBILL_ELSEWHERE")');
  assert.deepEqual(readBy(code), ['WAYBILL_MAILBOX_ROLE']);
  const seal = environmentOf('seal', { WAYBILL_MAILBOX_ROLE: 'arn', WAYBILL_TABLE: 'table' });
  assert.deepEqual(Object.keys(seal), ['WAYBILL_TABLE']);
});
