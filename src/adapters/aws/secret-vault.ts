/**
 * What a vault reads from in an account: secrets of Secrets Manager and parameters of Systems Manager, each by the ARN that the
 * deployment has for its name. Sealing is the same everywhere, and not here.
 */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { TerminalError, type WaybillError } from '@waybill/client/errors';
import { awsFailure, nameOf } from './aws-failure.ts';

export interface KeptInAccount {
  secrets: SecretsManagerClient;
  parameters: SSMClient;
  /** ARNs by the names that blocks use. */
  arns: ReadonlyMap<string, string>;
}

const ABSENT = 'is not there';

/** What the services say of one that is not to be had before somebody does something about it. */
const REFUSED: Readonly<Record<string, string>> = {
  AccessDeniedException: 'may not be read here',
  DecryptionFailure: 'cannot be decrypted',
  InvalidKeyId: 'cannot be decrypted',
  InvalidRequestException: 'is to be deleted',
  ParameterNotFound: ABSENT,
  ResourceNotFoundException: ABSENT,
};

/**
 * For who can wait, as a worker cannot: whether what this names is not there or is none, rather than kept from us, which a policy, a
 * key or a deletion called off may change.
 */
export function isNone(error: unknown): boolean {
  if (!(error instanceof TerminalError) || error.code !== 'SECRET_UNAVAILABLE') return false;
  return error.cause === undefined || REFUSED[nameOf(error.cause)] === ABSENT;
}

/** The newest value of a secret, as a vault asks for it: TerminalError SECRET_UNAVAILABLE, RetryableError STORE_BUSY. */
export function readFromAccount({ secrets, parameters, arns }: KeptInAccount): (name: string) => Promise<Uint8Array> {
  const secretValue = async (SecretId: string): Promise<Uint8Array | undefined> => {
    const { SecretString, SecretBinary } = await secrets.send(new GetSecretValueCommand({ SecretId }));
    return SecretString === undefined ? SecretBinary : Buffer.from(SecretString);
  };
  const parameterValue = async (Name: string): Promise<Uint8Array | undefined> => {
    const { Parameter } = await parameters.send(new GetParameterCommand({ Name, WithDecryption: true }));
    return Parameter?.Value === undefined ? undefined : Buffer.from(Parameter.Value);
  };
  return async (name) => {
    const arn = arns.get(name);
    if (arn === undefined)
      throw unavailable(name, 'is none of this deployment', 'Name its ARN in `secrets`, and deploy.');
    const isParameter = arn.split(':')[2] === 'ssm';
    const value = await (isParameter ? parameterValue(arn) : secretValue(arn)).catch((error: unknown) => {
      throw failureOf(name, arn, error);
    });
    if (value === undefined) throw unavailable(name, 'has no value', `Give ${arn} one.`);
    return value;
  };
}

/** The ARN is for the operator alone: a worker is told path and problem. */
function failureOf(name: string, arn: string, cause: unknown): WaybillError {
  const refused = REFUSED[nameOf(cause)];
  const fix = `Look whether ${arn} is there, whether the role of this function may read it, and which key encrypts it.`;
  if (refused !== undefined) return unavailable(name, refused, fix, cause);
  const failure = awsFailure(`secret ${name}`, cause);
  return failure.retryable ? failure : unavailable(name, `cannot be read (${nameOf(cause)})`, fix, cause);
}

function unavailable(name: string, problem: string, fix: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'SECRET_UNAVAILABLE', path: `secret ${name}`, problem, fix }, { cause });
}
