import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkProps, MOST_SIGNING_KEYS } from '../../lib/check-props.ts';
import { WaybillPropsError } from '../../lib/props-error.ts';
import type { WaybillProps, WorkerEnvironment } from '../../lib/waybill-props.ts';
import { exampleProps, productionProps } from './deployment.ts';

function problemsOf(change: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    checkProps({ ...productionProps(), ...change } as WaybillProps);
    return [];
  } catch (error) {
    assert.ok(error instanceof WaybillPropsError);
    return error.problems;
  }
}

test('props: those of the example are right, for a test and for production', () => {
  checkProps(exampleProps());
  assert.deepEqual(problemsOf({}), []);
});

const DIGEST = `sha256:${'4'.repeat(64)}`;
const REGISTRY = '000000000000.dkr.ecr.us-east-1.amazonaws.com';

function sized(size: Partial<WorkerEnvironment>): Record<'default', WorkerEnvironment> {
  return { default: { image: `${REGISTRY}/blocks@${DIGEST}`, ...size } };
}

const MANY = Object.fromEntries(['default', ...'abcdefghijklmnopqrst'].map((name) => [name, sized({}).default]));

const HERE = 'us-east-1:000000000000';
const SECRET = `arn:aws:secretsmanager:${HERE}:secret:npm/token-AbCdEf`;
const PARAMETER = `arn:aws:ssm:${HERE}:parameter/build/key`;
const KEY_ALIAS = `arn:aws:kms:${HERE}:alias/mine`;
const MODEL = 'arn:aws:bedrock:us-east-1::foundation-model/small';
const secretsOf = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`token-${n}`, SECRET]));

const TOLD = { url: 'https://hooks.example/waybill?of=ops', secret: SECRET };
const callbackTo = (url: string): Readonly<Record<string, unknown>> => ({ callbacks: { ops: { ...TOLD, url } } });

const refused: readonly [title: string, change: Readonly<Record<string, unknown>>, property: string][] = [
  ['an account that is not typed out', { env: { account: 'ours', region: 'us-east-1' } }, 'env.account'],
  ['no region', { env: { account: '000000000000', region: '' } }, 'env.region'],
  ['one zone', { availabilityZones: ['us-east-1a'] }, 'availabilityZones'],
  ['a zone twice', { availabilityZones: ['us-east-1a', 'us-east-1a'] }, 'availabilityZones'],
  ['zones elsewhere', { availabilityZones: ['eu-west-1a', 'us-east-1b'] }, 'availabilityZones'],
  ['a name in capitals', { name: 'Waybill' }, 'name'],
  ['a name whose machines look like those of the deployment "ours"', { name: 'ours-attempt' }, 'name'],
  ['an origin with a scheme', { origin: 'https://example.com', pinnedKeys: undefined }, 'origin'],
  ['GOVERNANCE in production', { retention: { mode: 'GOVERNANCE', days: 400 } }, 'retention.mode'],
  ['half a day', { retention: { mode: 'COMPLIANCE', days: 0.5 } }, 'retention.days'],
  ['COMPLIANCE in a test', { mode: 'test', retention: { mode: 'COMPLIANCE', days: 1 } }, 'retention'],
  ['ten years in a test', { mode: 'test', retention: { mode: 'GOVERNANCE', days: 3650 } }, 'retention'],
  ['a wrapper by tag', { wrapperImage: 'example.com/wrapper:latest' }, 'wrapperImage'],
  ['an environment by tag', { environments: { default: { image: 'node:24' } } }, 'environments.default.image'],
  ['an image of another registry', { wrapperImage: `docker.io/library/node@${DIGEST}` }, 'wrapperImage'],
  [
    'an image of another region',
    { wrapperImage: `000000000000.dkr.ecr.eu-west-1.amazonaws.com/w@${DIGEST}` },
    'wrapperImage',
  ],
  ['a tag beside the digest', { wrapperImage: `${REGISTRY}/w:1@${DIGEST}` }, 'wrapperImage'],
  [
    'memory that no task of the size has',
    { environments: sized({ cpu: 4096, memoryMiB: 2048 }) },
    'environments.default.memoryMiB',
  ],
  [
    'half a gigabyte too much',
    { environments: sized({ cpu: 256, memoryMiB: 1536 }) },
    'environments.default.memoryMiB',
  ],
  ['a size between two', { environments: sized({ cpu: 1000 }) }, 'environments.default.cpu'],
  [
    'a disk smaller than the one that is free',
    { environments: sized({ ephemeralStorageGiB: 20 }) },
    'environments.default.ephemeralStorageGiB',
  ],
  [
    'an environment whose role has too long a name',
    { environments: { ...sized({}), ['e'.repeat(31)]: sized({}).default }, name: 'n'.repeat(20) },
    'environments',
  ],
  ['a network of which nothing may be reached', { network: { vpc: {} } }, 'network'],
  [
    'a network that may be reached twice over',
    { network: { vpc: {}, reachWholeVpc: true, endpointSecurityGroups: ['sg-1'] } },
    'network',
  ],
  [
    'an endpoint by its name',
    { network: { vpc: {}, endpointSecurityGroups: ['endpoints'] } },
    'network.endpointSecurityGroups',
  ],
  ['evidence with an unknown key', { evidence: { tsas: [] } }, 'evidence'],
  [
    'evidence in a file',
    { evidence: { witnesses: { file: 'witnesses.policy' } } },
    'evidence.witnesses.file: names witnesses.policy, which cannot be read: a function has no files',
  ],
  [
    'a certificate that is none',
    { evidence: { tsa: [{ url: 'https://tsa.example', roots: ['AAAA'] }] } },
    'evidence.tsa[0].roots[0]: ',
  ],
  [
    'evidence that no function could be told',
    { evidence: { witnesses: `# ${'x'.repeat(4000)}\nquorum none\n` } },
    'evidence: name fewer',
  ],
  [
    'so many queues that no function could be told',
    {
      queues: Object.fromEntries(
        Array.from({ length: 99 }, (_, n) => [`a-queue-with-a-name-${n}`, { concurrency: 1 }]),
      ),
    },
    'queues',
  ],
  ['so many environments that no function could be told', { environments: MANY }, 'environments: have fewer'],
  ['a hold by somebody without an ARN', { legalHoldPrincipals: ['counsel'] }, 'legalHoldPrincipals'],
  ['no default environment', { environments: {} }, 'environments'],
  ['a digest without its kind', { workerDigest: '2'.repeat(64) }, 'workerDigest'],
  ['a queue of none', { queues: { default: { concurrency: 0 } } }, 'queues.default.concurrency'],
  ['a mode that is none', { mode: 'prod' }, 'mode: is "prod"'],
  ['a retention that locks nothing', { retention: { mode: 'NONE', days: 400 } }, 'retention.mode: is "NONE"'],
  ['a mode in small letters', { retention: { mode: 'compliance', days: 400 } }, 'retention.mode'],
  ['days as text', { retention: { mode: 'COMPLIANCE', days: '400' } }, 'retention.days: is "400"'],
  ['a name that nobody knows', { retentoin: {} }, 'retentoin: is no property; there are env, '],
  ['a part that nobody knows', { env: { account: '000000000000', region: 'us-east-1', zone: 'a' } }, 'env.zone: '],
  ['a network that is a name', { network: { vpc: 'vpc-1', reachWholeVpc: true } }, 'network.vpc'],
  ['a queue that is closed', { queues: { default: { concurrency: 1, state: 'closed' } } }, 'queues.default.state'],
  ['more log keys than a log can use', { signingKeys: { attest: 1, log: MOST_SIGNING_KEYS + 1 } }, 'signingKeys.log'],
  ['a tag of AWS', { tags: { 'aws:team': 'x' } }, 'tags: is "aws:team"'],
  ['a tag of AWS in capitals', { tags: { 'AWS:team': 'x' } }, 'tags'],
  ['a tag with too long a name', { tags: { ['k'.repeat(128)]: 'x' } }, 'tags'],
  ['a tag with too long a value', { tags: { team: 'x'.repeat(257) } }, 'tags.team'],
  ['a boundary that is no policy', { permissionsBoundary: 'boundary' }, 'permissionsBoundary'],
  ['an auditor without an ARN', { auditorPrincipals: ['auditor'] }, 'auditorPrincipals'],
  ['no address', { alarmEmail: '' }, 'alarmEmail'],
  ['a budget of nothing', { monthlyBudgetUsd: 0 }, 'monthlyBudgetUsd'],
  ['no signing key', { signingKeys: { attest: 0, log: 1 } }, 'signingKeys.attest'],
  ['logs for ever', { logDays: 0 }, 'logDays'],
  ['a secret that no block could name', { secrets: { NPM_TOKEN: SECRET } }, 'secrets: is "NPM_TOKEN"'],
  ['a secret by its name', { secrets: { token: 'npm/token' } }, 'secrets.token: is "npm/token"'],
  ['a secret of two ARNs', { secrets: { token: [SECRET] } }, 'secrets.token: is ["arn:'],
  ['a secret with a value', { secrets: { token: { arn: SECRET, value: 'x' } } }, 'secrets.token'],
  ['a secret without the end of its ARN', { secrets: { token: SECRET.slice(0, -7) } }, 'secrets.token: is "arn:'],
  ['all secrets whose names begin so', { secrets: { token: `${SECRET.slice(0, -6)}*` } }, 'secrets.token'],
  ['a secret of another account', { secrets: { token: SECRET.replace('000', '111') } }, 'secrets.token'],
  ['a secret of another region', { secrets: { token: SECRET.replace('us-east-1', 'us-east-2') } }, 'secrets.token'],
  ['all parameters of a folder', { secrets: { token: `${PARAMETER}/*` } }, 'secrets.token'],
  ['a secret that is a bucket', { secrets: { token: 'arn:aws:s3:::bucket' } }, 'secrets.token'],
  ['a key by its alias', { secrets: { token: { arn: SECRET, key: KEY_ALIAS } } }, 'secrets.token.key'],
  ['a callback that no run could name', { callbacks: { OPS: TOLD } }, 'callbacks: is "OPS"'],
  ['a callback in the clear', callbackTo('http://hooks.example/'), 'callbacks.ops.url: is "http:'],
  ['a callback to this machine', callbackTo('http://127.0.0.1/'), 'callbacks.ops.url'],
  ['a callback with a password', callbackTo('https://a:b@hooks.example/'), 'callbacks.ops.url'],
  ['a callback with a fragment', callbackTo('https://hooks.example/#x'), 'callbacks.ops.url'],
  ['a callback to no address', callbackTo('hooks.example'), 'callbacks.ops.url'],
  ['a callback without a key', { callbacks: { ops: { url: TOLD.url } } }, 'callbacks.ops.secret'],
  ['the key itself', { callbacks: { ops: { ...TOLD, secret: 'k'.repeat(32) } } }, 'callbacks.ops.secret: is "kkk'],
  [
    'a key of another account',
    { callbacks: { ops: { ...TOLD, secret: SECRET.replace('000', '111') } } },
    'callbacks.ops.secret',
  ],
  [
    'addresses longer than anybody could be told',
    callbackTo(`https://hooks.example/${'x'.repeat(4_000)}`),
    'callbacks: name fewer',
  ],
  ['a model by a name with a comma', { models: { 'a,b': [MODEL] } }, 'models: is "a,b"'],
  ['a model without an ARN', { models: { small: [] } }, 'models.small: is "0 ARNs"'],
  ['a model that is one text', { models: { small: MODEL } }, 'models.small: is "arn:'],
  ['all models', { models: { small: [MODEL.replace('small', '*')] } }, 'models.small: is "arn:'],
  [
    'a profile of another account',
    { models: { small: [MODEL.replace('::foundation-model', ':111111111111:inference-profile')] } },
    'models.small',
  ],
  ['a model that is a secret', { models: { small: [SECRET] } }, 'models.small'],
  [
    'a model of more ARNs than a session takes',
    { models: { small: Array.from({ length: 40 }, () => MODEL) } },
    'models.small: is "40',
  ],
  [
    'so many models that nobody could be told',
    { models: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`small-${n}`, [MODEL]])) },
    'models: name fewer',
  ],
  ['so many secrets that nobody could be told', { secrets: secretsOf(60) }, 'secrets: name fewer'],
];

for (const [title, change, property] of refused) {
  test(`props: ${title} is refused, and ${property} is named`, () => {
    const problems = problemsOf(change);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(problems[0]?.startsWith(property), problems[0]);
  });
}

test('props: whatever number of vCPU units is asked for alone, there is a task of that size', () => {
  for (const cpu of [256, 512, 1024, 2048, 4096, 8192, 16384])
    assert.deepEqual(problemsOf({ environments: sized({ cpu }) }), [], `${cpu}`);
});

test('props: images of other registries are taken where workers are in a network of the customer', () => {
  const network = { vpc: {}, endpointSecurityGroups: ['sg-0123'] };
  assert.deepEqual(problemsOf({ network, wrapperImage: `registry.example/wrapper@${DIGEST}` }), []);
});

test('props: secrets are taken of both services, with a key of their own or without, some dozens of them', () => {
  const key = `arn:aws:kms:${HERE}:key/${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`;
  const parameter = `arn:aws:ssm:${HERE}:parameter/alone`;
  const secrets = { token: SECRET, 'build.key': PARAMETER, alone: parameter, mine: { arn: SECRET, key } };
  assert.deepEqual(problemsOf({ secrets }), []);
  assert.deepEqual(problemsOf({ secrets: secretsOf(30) }), []);
});

test('props: whom runs may name is taken with a key that is kept as secrets are', () => {
  const key = `arn:aws:kms:${HERE}:key/${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`;
  const mine = { url: 'https://hooks.example:8443/', secret: { arn: PARAMETER, key } };
  assert.deepEqual(problemsOf({ callbacks: { ops: TOLD, mine } }), []);
});

test('props: retention has no default, not even in a test', () => {
  const { retention: _, ...without } = exampleProps();
  assert.throws(() => checkProps(without as WaybillProps), {
    problems: ['retention: is missing; it has to be an object'],
  });
});

test('props: all that is wrong is said at once and once, whether a kind or a value', () => {
  const change = { mode: 'prod', env: 7, origin: 'Example', monthlyBudgetUsd: -1, more: 1, tags: { 'aws:x': 'y' } };
  const named = problemsOf(change).map((problem) => problem.slice(0, problem.indexOf(':')));
  assert.deepEqual(named.toSorted(), [
    'env',
    'mode',
    'monthlyBudgetUsd',
    'more',
    'origin',
    'pinnedKeys.origin',
    'tags',
  ]);
});

test('props: of evidence, too, all that is wrong is said at once', () => {
  const evidence = { tsas: [], waitMs: 1, tsa: [{ url: 7, roots: ['AAAA'] }] };
  const named = problemsOf({ evidence }).map((problem) => problem.slice(0, problem.indexOf(':')));
  assert.deepEqual(named, ['evidence', 'evidence.waitMs', 'evidence.tsa[0].url', 'evidence.tsa[0].roots[0]']);
});

test('props: what is no object at all is said so, and nothing else', () => {
  for (const props of [undefined, null, 'deployment.json', []]) {
    assert.throws(
      () => checkProps(props as unknown as WaybillProps),
      (error: WaybillPropsError) => {
        assert.equal(error.problems.length, 1);
        assert.match(error.problems[0] ?? '', /^the properties: /);
        return true;
      },
    );
  }
});

test('props: as many signing keys as a rotation takes are taken', () => {
  const signingKeys = { attest: MOST_SIGNING_KEYS, log: MOST_SIGNING_KEYS };
  assert.deepEqual(problemsOf({ signingKeys }), []);
});
