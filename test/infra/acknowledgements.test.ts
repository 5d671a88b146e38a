import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type App, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { ACKNOWLEDGEMENTS, answersFor } from '../../lib/acknowledgements.ts';
import { packs } from '../../lib/packs.ts';
import type { Waybill } from '../../lib/waybill.ts';
import { productionProps, waybill } from './deployment.ts';

let made: Waybill | undefined;

function deployment(): Waybill {
  made ??= waybill(productionProps());
  return made;
}

/** `<rule> <path>` for every finding of the packs. */
function findings(of: Waybill): Set<string> {
  const reports = packs(of.node.root as App).map((pack) => pack.validateScope(of));
  return new Set(
    reports.flatMap(({ violations }) =>
      violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
      ),
    ),
  );
}

/** With every acknowledgement out of the packs' sight. */
function findingsUnanswered(of: Waybill): Set<string> {
  const name = 'ACKNOWLEDGED_RULES_METADATA_KEY';
  const key = Object.getOwnPropertyDescriptor(Validations, name);
  assert.ok(key !== undefined);
  Object.defineProperty(Validations, name, { ...key, value: 'nowhere' });
  try {
    return findings(of);
  } finally {
    Object.defineProperty(Validations, name, key);
  }
}

test('packs: nothing that they find is without an answer', () => {
  assert.deepEqual([...findings(deployment())], []);
});

test('packs: what nobody answered is found', () => {
  const of = waybill(productionProps());
  new CfnQueue(of.runtime, 'Planted', {});
  assert.ok([...findings(of)].some((finding) => finding.includes('SQS') && finding.endsWith('/Planted')));
});

test('acknowledgements: every entry answers a finding at every resource that it is put on', () => {
  const found = findingsUnanswered(deployment());
  assert.ok(found.size > 50);
  const answers = answersFor(deployment(), deployment().tables);
  // What CDK's own validation finds is asked for in the test of the command line.
  const idle = answers
    .filter(({ rule }) => !rule.startsWith('CloudFormation-Validate::'))
    .filter(({ construct, rule }) => !found.has(`${rule} ${construct.node.path}`));
  assert.deepEqual(
    idle.map(({ construct, rule }) => `${rule} ${construct.node.path}`),
    [],
  );
  assert.equal(answers.length >= found.size, true);
});

test('acknowledgements: each says why in words, and none is said twice', () => {
  for (const { rules, reason } of ACKNOWLEDGEMENTS) {
    assert.ok(reason.length > 40, `${rules.join()}: ${reason}`);
    assert.ok(reason.endsWith('.'), reason);
  }
  const answers = answersFor(deployment(), deployment().tables);
  const names = answers.map(({ construct, rule }) => `${rule} ${construct.node.path}`);
  const twice = names.filter((name, index) => names.indexOf(name) !== index && !name.includes('IAM5'));
  assert.deepEqual(twice, []);
});

test('roles: only a statement that says why has a pattern for a resource', () => {
  const silent = deployment().tables.flatMap(({ role, statements }) =>
    statements
      .filter(({ resources, why }) => why === undefined && resources.some((resource) => resource.includes('*')))
      .map(({ sid }) => `${role}/${sid}`),
  );
  assert.deepEqual(silent, []);
});
