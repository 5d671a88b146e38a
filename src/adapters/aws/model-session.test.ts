import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { STSClient } from '@aws-sdk/client-sts';
import { WaybillError } from '@waybill/client/errors';
import { parseModelSession } from '#core/model-session.ts';
import { openSessions } from './model-session.ts';

const MODEL = 'eu.model-1:0';
const ARNS = [
  'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.model-1:0',
  'arn:aws:bedrock:*::foundation-model/model-1:0',
];
const ROLE = 'arn:aws:iam::123456789012:role/waybill-eu-west-1-models';
const NOW_MS = 1_000_000;
const ATTEMPT = { attemptId: '0'.repeat(32), untilMs: NOW_MS + 1_800_000 };
const GIVEN = { AccessKeyId: 'ASIAEXAMPLE', SecretAccessKey: 'a/secret+key', SessionToken: 'a/token==' };

function opening(answer: object | Error = { Credentials: GIVEN }) {
  const asked: Record<string, unknown>[] = [];
  const send = async ({ input }: { input: Record<string, unknown> }): Promise<object> => {
    asked.push(input);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const arns = new Map([
    [MODEL, ARNS],
    ['other', ['arn:aws:bedrock:eu-west-1::foundation-model/other']],
  ]);
  const place = { url: 'https://bedrock-runtime.eu-west-1.amazonaws.com', region: 'eu-west-1' };
  const sts = { send } as unknown as STSClient;
  return { open: openSessions({ sts, role: ROLE, arns, nowMs: () => NOW_MS, ...place }), asked, place };
}

async function failed(opened: Promise<unknown>): Promise<WaybillError> {
  const error = await opened.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WaybillError, String(error));
  return error;
}

describe('sessions with models', () => {
  it('one is of the role of models, named after its attempt, as long as that, and narrowed to its model', async () => {
    const { open, asked, place } = opening();
    const session = parseModelSession(await open(MODEL, ATTEMPT));
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = GIVEN;
    assert.deepEqual(session, { accessKeyId, secretAccessKey, sessionToken, ...place });
    const [{ Policy, ...input } = {}] = asked;
    assert.deepEqual(input, { RoleArn: ROLE, RoleSessionName: ATTEMPT.attemptId, DurationSeconds: 1_800 });
    assert.deepEqual(JSON.parse(String(Policy)), {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'bedrock:InvokeModelWithResponseStream',
          Resource: ARNS,
        },
      ],
    });
  });

  it('none is shorter or longer than STS gives them', async () => {
    for (const [lastsMs, seconds] of [
      [1_000, 900],
      [900_001, 901],
      [7_200_000, 3_600],
    ] as const) {
      const { open, asked } = opening();
      await open(MODEL, { ...ATTEMPT, untilMs: NOW_MS + lastsMs });
      assert.equal(asked[0]?.DurationSeconds, seconds);
    }
  });

  it('one that is not to be had says so for the worker, and to the operator what to look at', async () => {
    const { open, asked } = opening();
    assert.equal((await failed(open('unknown', ATTEMPT))).problem, 'is none of this deployment');
    assert.equal(asked.length, 0);
    const named = (name: string): Error => Object.assign(new Error(`${name} of ${ROLE}`), { name });
    const invalid = await failed(opening(named('ValidationError')).open(MODEL, ATTEMPT));
    assert.deepEqual(
      [invalid.code, invalid.path, invalid.problem],
      ['SECRET_UNAVAILABLE', `model ${MODEL}`, 'has no session to be had (ValidationError)'],
    );
    assert.match(invalid.fix, /waybill-eu-west-1-models/);
    const large = await failed(opening(named('PackedPolicyTooLargeException')).open(MODEL, ATTEMPT));
    assert.deepEqual([large.code, large.retryable], ['SECRET_UNAVAILABLE', false]);
    const busy = await failed(opening(named('ThrottlingException')).open(MODEL, ATTEMPT));
    assert.deepEqual([busy.code, busy.retryable], ['STORE_BUSY', true]);
  });

  it('a role that lets nobody in yet, as after a deploy, is asked again, and the operator is told the same of it', async () => {
    for (const name of ['AccessDenied', 'AccessDeniedException']) {
      const error = Object.assign(new Error(`${name} of ${ROLE}`), { name });
      const denied = await failed(opening(error).open(MODEL, ATTEMPT));
      assert.deepEqual(
        [denied.code, denied.retryable, denied.path, denied.problem],
        ['STORE_BUSY', true, `model ${MODEL}`, `has no session to be had (${name})`],
      );
      assert.match(denied.fix, /waybill-eu-west-1-models/);
    }
  });
});
