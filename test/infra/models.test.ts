/** What a deployment with models grants for them, and to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { productionProps, resources, type Templates, templates, templatesOf, waybill } from './deployment.ts';
import { at, lines, list } from './rules/rule.ts';

const PROFILE = 'arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.model-1:0';
const BEHIND = ['us-east-1', 'us-west-2'].map((region) => `arn:aws:bedrock:${region}::foundation-model/model-1:0`);
const SMALL = 'arn:aws:bedrock:us-east-1::foundation-model/small';
const models = { 'us.model-1:0': [PROFILE, ...BEHIND], small: [SMALL] };
const ARNS = [PROFILE, ...BEHIND, SMALL].sort();
const ASKING = 'bedrock:InvokeModelWithResponseStream';
const ROLE = 'arn:aws:iam::000000000000:role/waybill-us-east-1-models';
const withModels = templatesOf(waybill({ ...productionProps(), models }));

/** Statements of all roles about any of these actions, by the end of the name of the policy. */
function granted(of: Templates, about: RegExp): [role: string, line: Record<string, unknown>][] {
  return resources(of, 'AWS::IAM::ManagedPolicy').flatMap(({ properties }) =>
    lines(properties.PolicyDocument)
      .filter(({ Action }) => list(Action).some((action) => about.test(action)))
      .map((line): [string, Record<string, unknown>] => [
        String(properties.ManagedPolicyName).replace(/.*-/, ''),
        line as unknown as Record<string, unknown>,
      ]),
  );
}

const endpointsOf = (of: Templates) =>
  resources(of, 'AWS::EC2::VPCEndpoint').filter(({ properties }) => String(properties.ServiceName).includes('bedrock'));

test('models: one role may ask them, those that are named and nothing else, through the endpoint of the workers alone', () => {
  const [[role, line] = ['', {}], ...others] = granted(withModels, /^bedrock:/);
  assert.deepEqual(others, []);
  assert.equal(role, 'models');
  assert.deepEqual([line.Action, list(line.Resource as string[])], [ASKING, ARNS]);
  const [endpoint] = endpointsOf(withModels);
  assert.ok(endpoint);
  assert.deepEqual(line.Condition, { StringEquals: { 'aws:SourceVpce': { Ref: endpoint.id } } });
  const [made] = resources(withModels, 'AWS::IAM::Role').filter(({ properties }) =>
    ROLE.endsWith(String(properties.RoleName)),
  );
  const trust = lines(made?.properties.AssumeRolePolicyDocument);
  assert.deepEqual(
    trust.map(({ Condition }) => Condition),
    [{ ArnEquals: { 'aws:PrincipalArn': ['arn:aws:iam::000000000000:role/waybill-us-east-1-release'] } }],
  );
  const assuming = granted(withModels, /^sts:AssumeRole$/).filter(([, { Resource }]) =>
    list(Resource as string).includes(ROLE),
  );
  assert.deepEqual(
    assuming.map(([name, { Resource }]) => [name, Resource]),
    [['release', ROLE]],
  );
});

test('models: the endpoint lets sessions ask them, and nobody anything else', () => {
  const [endpoint, ...more] = endpointsOf(withModels);
  assert.deepEqual(more, []);
  assert.match(String(endpoint?.properties.ServiceName), /bedrock-runtime$/);
  assert.equal(endpoint?.properties.PrivateDnsEnabled, true);
  const [line, ...others] = lines(endpoint?.properties.PolicyDocument);
  assert.deepEqual(others, []);
  assert.deepEqual([line?.Action, list(line?.Resource)], [ASKING, ARNS]);
  assert.deepEqual(line?.Condition, { ArnEquals: { 'aws:PrincipalArn': ROLE } });
  const names = resources(withModels, 'AWS::Route53Resolver::FirewallDomainList').flatMap(({ properties }) =>
    list(properties.Domains as string[]),
  );
  assert.ok(names.includes('bedrock-runtime.us-east-1.amazonaws.com'), 'its name is answered');
});

test('models: a deployment without any has no role, no endpoint and no name for them', () => {
  assert.deepEqual(granted(templates(), /^bedrock:/), []);
  assert.deepEqual(endpointsOf(templates()), []);
  assert.ok(!JSON.stringify(resources(templates(), 'AWS::Route53Resolver::FirewallDomainList')).includes('bedrock'));
  assert.ok(
    !resources(templates(), 'AWS::IAM::Role').some(({ properties }) => ROLE.endsWith(String(properties.RoleName))),
  );
});

test('models: names are told to who takes runs in and who dispatches, ARNs to who makes sessions', () => {
  const told = (of: Templates, name: string): [string, unknown][] =>
    resources(of, 'AWS::Lambda::Function').flatMap(({ properties }): [string, unknown][] => {
      const value = at(properties.Environment, 'Variables', name);
      return value === undefined ? [] : [[String(properties.FunctionName), value]];
    });
  const names = told(withModels, 'WAYBILL_MODEL_NAMES');
  for (const which of ['submit', 'dispatch', 'reconcile'])
    assert.ok(
      names.some(([name, value]) => name === `waybill-${which}` && value === 'us.model-1:0,small'),
      which,
    );
  assert.deepEqual(told(withModels, 'WAYBILL_MODEL_ARNS'), [['waybill-release', JSON.stringify(models)]]);
  assert.deepEqual(told(withModels, 'WAYBILL_MODEL_ROLE'), [['waybill-release', ROLE]]);
  assert.deepEqual(told(withModels, 'WAYBILL_MODEL_URL'), [
    ['waybill-release', 'https://bedrock-runtime.us-east-1.amazonaws.com'],
  ]);
  for (const name of ['NAMES', 'ARNS', 'ROLE', 'URL']) assert.deepEqual(told(templates(), `WAYBILL_MODEL_${name}`), []);
});
