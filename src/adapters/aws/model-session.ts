/** Sessions with models: credentials of a role that may ask the models of the deployment and nothing else, narrowed to one of them. */
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { RetryableError, TerminalError, type WaybillError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { MODEL_ACTION } from '#core/model-action.ts';
import { type ModelSession, SESSION_MS } from '#core/model-session.ts';
import type { AskingAttempt } from '#ports/secret-vault.ts';
import { awsFailure, nameOf } from './aws-failure.ts';

/** A role that was just made, or let somebody in just now, is known everywhere some seconds later: a worker waits for longer. */
const NOT_YET = /^AccessDenied/;
/** How much a policy shrinks is not told beforehand, and asking again does not change it. */
const TOO_MUCH = /^(?:PackedPolicyTooLarge|MalformedPolicyDocument)/;
/** STS gives nothing shorter. */
const SHORTEST_SECONDS = 900;

export interface ModelSessionOptions extends Pick<ModelSession, 'url' | 'region'> {
  sts: STSClient;
  role: string;
  /** What a request for a model has to be allowed on, by the name that blocks use. */
  arns: ReadonlyMap<string, readonly string[]>;
  nowMs(): number;
}

/** As a vault asks for it: TerminalError SECRET_UNAVAILABLE, RetryableError STORE_BUSY. */
export function openSessions(
  options: ModelSessionOptions,
): (model: string, attempt: AskingAttempt) => Promise<Uint8Array> {
  const { sts, role, url, region, arns, nowMs } = options;
  return async (model, { attemptId, untilMs }) => {
    const resources = arns.get(model);
    if (resources === undefined)
      throw unavailable(model, 'is none of this deployment', 'Name it in `models`, and deploy.');
    const Statement = [{ Effect: 'Allow', Action: MODEL_ACTION, Resource: resources }];
    const seconds = Math.ceil((untilMs - nowMs()) / 1_000);
    const { Credentials: given } = await sts
      .send(
        new AssumeRoleCommand({
          RoleArn: role,
          // CloudTrail then says which attempt asked a model.
          RoleSessionName: attemptId,
          DurationSeconds: Math.min(Math.max(seconds, SHORTEST_SECONDS), SESSION_MS / 1_000),
          Policy: JSON.stringify({ Version: '2012-10-17', Statement }),
        }),
      )
      .catch((error: unknown) => {
        throw failureOf(model, role, error);
      });
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = given ?? {};
    const session: ModelSession = {
      ...{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      ...{ region, url },
    };
    return Buffer.from(canonicalize(session));
  };
}

function failureOf(model: string, role: string, cause: unknown): WaybillError {
  const path = `model ${model}`;
  const problem = `has no session to be had (${nameOf(cause)})`;
  const fix = `Look whether ${role} is there, whether the role of release may assume it, and how many ARNs the model has.`;
  if (NOT_YET.test(nameOf(cause))) return new RetryableError({ code: 'STORE_BUSY', path, problem, fix }, { cause });
  const failure = awsFailure(path, cause);
  return failure.retryable && !TOO_MUCH.test(nameOf(cause)) ? failure : unavailable(model, problem, fix, cause);
}

/** The worker is told path and problem; the rest is for the operator. */
function unavailable(model: string, problem: string, fix: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'SECRET_UNAVAILABLE', path: `model ${model}`, problem, fix }, { cause });
}
