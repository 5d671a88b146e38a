/** Who may write what into the inbox: the roles' own rights, less what the policy of the bucket refuses whoever asks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { keys } from '#core/rows.ts';
import { resources, templates } from './deployment.ts';
import { list } from './rules/rule.ts';

interface Line {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource?: unknown;
  NotResource?: unknown;
  Condition?: Record<string, Record<string, string | string[]>>;
}

const ROLE = 'arn:aws:iam::000000000000:role/waybill-us-east-1-';
const OWNER = 'AROAEXAMPLEEXAMPLE:somebody';
const HEX = deriveRunId(OWNER, 'asked');
const [SLOT, TRIGGER] = [`slot-nightly-${HEX}.json`, `trigger-nightly-${HEX}.json`];
const WRITERS = ['slot', 'submit'] as const;

/** `*` as IAM reads it: any text, slashes included. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+^$?{}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}

/** The key patterns of what a statement names in the inbox. References name other things, or the bucket before its keys. */
function keyPatterns(of: unknown): string[] {
  return list(of as string | string[]).flatMap((one) => {
    const [, pattern] = /-inbox-[\w-]+\/(.*)"?$/.exec(typeof one === 'string' ? one : '') ?? [];
    return pattern === undefined ? [] : [pattern];
  });
}

function statementsOf(type: string, isIt: (properties: Record<string, unknown>) => boolean): Line[] {
  const found = resources(templates(), type).find(({ properties }) => isIt(properties));
  const lines = (found?.properties.PolicyDocument as { Statement: Line[] } | undefined)?.Statement;
  assert.ok(lines && lines.length > 0, type);
  return lines;
}

function isFor({ Condition = {} }: Line, role: string): boolean {
  return Object.entries(Condition).every(([operator, keys]) => {
    const named = list(keys['aws:PrincipalArn']);
    // Each of these requests has its condition on the absence of the object, as the adapter writes it.
    if (operator === 'ArnEquals') return named.includes(role);
    if (operator === 'ArnNotEquals') return !named.includes(role);
    return false;
  });
}

function refusals(): Line[] {
  return statementsOf('AWS::S3::BucketPolicy', ({ Bucket }) => JSON.stringify(Bucket).includes('Inbox')).filter(
    ({ Effect, Action, Sid }) => Effect === 'Deny' && Sid !== undefined && list(Action).includes('s3:PutObject'),
  );
}

function mayPut(role: string, key: string, refused: readonly Line[] = refusals()): boolean {
  const own = statementsOf('AWS::IAM::ManagedPolicy', ({ ManagedPolicyName }) => ManagedPolicyName === nameOf(role));
  const isGranted = own.some(
    ({ Action, Resource }) =>
      list(Action).includes('s3:PutObject') && keyPatterns(Resource).some((pattern) => matches(pattern, key)),
  );
  const isNamed = ({ Resource, NotResource }: Line): boolean =>
    NotResource === undefined
      ? keyPatterns(Resource).some((pattern) => matches(pattern, key))
      : !keyPatterns(NotResource).some((pattern) => matches(pattern, key));
  return isGranted && !refused.some((line) => isFor(line, ROLE + role) && isNamed(line));
}

function nameOf(role: string): string {
  return `waybill-us-east-1-${role}`;
}

test('runs on behalf: slot and submit write the slots of a schedule and what is triggered', () => {
  for (const role of WRITERS)
    for (const name of [SLOT, TRIGGER]) assert.ok(mayPut(role, `inbox/default/${OWNER}/${name}`), `${role} ${name}`);
  for (const role of ['advance', 'dispatch', 'settle', 'seal', 'reconcile', 'doctor'])
    assert.ok(!mayPut(role, `inbox/default/${OWNER}/${SLOT}`), role);
});

test('runs on behalf: none of them writes a submission that is named otherwise', () => {
  for (const role of WRITERS)
    for (const key of [`default/${OWNER}/mine.json`, `slot-queue/${OWNER}/mine.json`, SLOT, `default/${SLOT}`])
      assert.ok(!mayPut(role, `inbox/${key}`), `${role} ${key}`);
  assert.ok(mayPut('slot', `outbox/${OWNER}/schedules.json`));
  assert.ok(!mayPut('slot', `outbox/${OWNER}/x/receipt-0.json`), 'nor an answer');
});

test('runs on behalf: none of them writes a control, in whatever name', () => {
  const without = refusals().filter(({ Sid }) => Sid !== 'ControlsByPeople');
  for (const role of WRITERS) {
    assert.ok(!mayPut(role, `inbox/@control/${OWNER}/abort.json`), role);
    for (const name of [SLOT, TRIGGER]) {
      const key = `inbox/@control/${OWNER}/${name}`;
      assert.ok(!mayPut(role, key), `${role} ${name}`);
      assert.ok(mayPut(role, key, without), 'the negative control: it is this statement that refuses');
    }
  }
});

test('runs on behalf: were their rights wider, the bucket would refuse what is named otherwise all the same', () => {
  for (const role of WRITERS) {
    const [line] = refusals().filter(({ Sid }) => Sid === 'OnlyRunsOnBehalf');
    assert.ok(line && isFor(line, ROLE + role));
    const spared = keyPatterns(line.NotResource).filter((pattern) =>
      matches(pattern, `inbox/default/${OWNER}/mine.json`),
    );
    assert.deepEqual(spared, [], role);
  }
});

test('runs on behalf: the role that does nothing else has the rows of schedules, and no others', () => {
  const own = statementsOf('AWS::IAM::ManagedPolicy', ({ ManagedPolicyName }) => ManagedPolicyName === nameOf('slot'));
  const onRows = own.filter(({ Action }) => list(Action).some((action) => action.startsWith('dynamodb:')));
  assert.deepEqual(
    onRows.map(({ Action, Condition }) => [list(Action), Condition]),
    [
      [
        ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
        { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['schedule/*', 'schedules'] } },
      ],
    ],
  );
  // As a deployment's rows are named.
  for (const key of [keys.schedule(OWNER, 'nightly'), keys.schedules()])
    assert.ok(
      ['schedule/*', 'schedules'].some((pattern) => matches(pattern, key.pk)),
      key.pk,
    );
});
