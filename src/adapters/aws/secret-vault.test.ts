import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { WaybillError } from '@waybill/client/errors';
import { isNone, readFromAccount } from './secret-vault.ts';

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf';
const PARAMETER = 'arn:aws:ssm:eu-west-1:123456789012:parameter/build/key';
const VALUE = 'correct horse battery';

/** Answers each command so, and keeps what was asked. */
function clientOf<Client>(answer: object | Error): { client: Client; asked: [command: string, input: object][] } {
  const asked: [string, object][] = [];
  const send = async (command: { input: object }): Promise<object> => {
    asked.push([command.constructor.name, command.input]);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { client: { send } as Client, asked };
}

function reading({ secret = {}, parameter = {} }: { secret?: object | Error; parameter?: object | Error }) {
  const [secrets, parameters] = [clientOf<SecretsManagerClient>(secret), clientOf<SSMClient>(parameter)];
  const arns = new Map([
    ['token', SECRET],
    ['key', PARAMETER],
  ]);
  const read = readFromAccount({ secrets: secrets.client, parameters: parameters.client, arns });
  return { read, secrets, parameters };
}

const named = (name: string, said = `${name} said ${VALUE}`): Error => Object.assign(new Error(said), { name });

async function failed(read: Promise<unknown>): Promise<WaybillError> {
  const error = await read.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WaybillError, String(error));
  return error;
}

describe('secrets of an account', () => {
  it('each is asked for by the ARN that the deployment has for its name, of the service that the ARN is of', async () => {
    const { read, secrets, parameters } = reading({
      secret: { SecretString: VALUE },
      parameter: { Parameter: { Value: 'decrypted text' } },
    });
    assert.equal(Buffer.from(await read('token')).toString(), VALUE);
    assert.equal(Buffer.from(await read('key')).toString(), 'decrypted text');
    assert.deepEqual(secrets.asked, [['GetSecretValueCommand', { SecretId: SECRET }]]);
    assert.deepEqual(parameters.asked, [['GetParameterCommand', { Name: PARAMETER, WithDecryption: true }]]);
  });

  it('bytes are bytes, and what has no value is not to be had', async () => {
    const binary = Buffer.from([1, 2, 255]);
    assert.deepEqual(Buffer.from(await reading({ secret: { SecretBinary: binary } }).read('token')), binary);
    for (const name of ['token', 'key']) {
      const error = await failed(reading({}).read(name));
      assert.deepEqual([error.code, isNone(error)], ['SECRET_UNAVAILABLE', true]);
    }
  });

  it('a name without an ARN is not to be had, and nobody is asked', async () => {
    const { read, secrets, parameters } = reading({});
    for (const name of ['other', 'constructor', SECRET]) {
      const error = await failed(read(name));
      const { code, path, problem } = error;
      assert.equal(isNone(error), true);
      assert.deepEqual([code, path, problem], ['SECRET_UNAVAILABLE', `secret ${name}`, 'is none of this deployment']);
    }
    assert.deepEqual([...secrets.asked, ...parameters.asked], []);
  });

  const lasting: Readonly<Record<string, string>> = {
    AccessDeniedException: 'may not be read here',
    ResourceNotFoundException: 'is not there',
    ParameterNotFound: 'is not there',
    InvalidRequestException: 'is to be deleted',
    DecryptionFailure: 'cannot be decrypted',
    InvalidKeyId: 'cannot be decrypted',
    ValidationException: 'cannot be read (ValidationException)',
  };
  for (const [name, problem] of Object.entries(lasting)) {
    it(`${name}: it is not to be had, and the worker is told neither the ARN nor what the service said`, async () => {
      for (const [which, arn] of [
        ['token', SECRET],
        ['key', PARAMETER],
      ] as const) {
        const error = await failed(reading({ secret: named(name), parameter: named(name) }).read(which));
        assert.deepEqual([error.code, error.retryable, error.problem], ['SECRET_UNAVAILABLE', false, problem]);
        assert.ok(!`${error.path} ${error.problem}`.includes('arn:'));
        assert.ok(!`${error.path} ${error.problem} ${error.fix}`.includes(VALUE));
        assert.ok(error.fix.includes(arn), 'the operator has to know which');
        assert.equal(isNone(error), problem === 'is not there', 'what is kept from us now may be let go of');
      }
    });
  }

  it('a service that is busy or away may answer later', async () => {
    for (const name of ['ThrottlingException', 'InternalServiceError', 'TimeoutError', 'ECONNRESET']) {
      const error = await failed(reading({ secret: named(name, 'away') }).read('token'));
      assert.deepEqual([error.code, error.retryable, isNone(error)], ['STORE_BUSY', true, false], name);
    }
  });
});
