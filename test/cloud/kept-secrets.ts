/** What the account of the bed keeps for blocks, before anything is deployed: an ARN is known when its secret is made. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { Ministack } from './beds/ministack.ts';

/** Values by the names that blocks use. */
export const KEPT = {
  token: 'tøken "4/2\\+a" of-build?81c3',
  key: '-----BEGIN KEY-----\nq2Vb0Zk8Lr7Tn5Xy3Wd1Hs9Jf4Gm6Pc\nuE8aR2tY5iO0pL7kD3fS6gH1jZ9xCv4\n-----END KEY-----\n',
  /** By which ends of runs are signed; no block is given it. */
  callback: 'a key of whom to tell, of 32 bytes or more',
  /** A scenario takes the right to read it away. */
  closed: 'closed to whoever wants to read it',
} as const;

export type SecretArns = Readonly<Record<keyof typeof KEPT | 'deleted', string>>;

export async function keepSecrets({ url, region, credentials }: Ministack): Promise<SecretArns> {
  const place = { endpoint: url, region, credentials };
  const [secrets, parameters] = [new SecretsManagerClient(place), new SSMClient(place)];
  const secret = async (Name: string, SecretString: string): Promise<string> => {
    const { ARN = '' } = await secrets.send(new CreateSecretCommand({ Name, SecretString }));
    return ARN;
  };
  const token = await secret('bed/token', 'an older value of the token');
  await secrets.send(new PutSecretValueCommand({ SecretId: token, SecretString: KEPT.token }));
  const callback = await secret('bed/callback', KEPT.callback);
  const closed = await secret('bed/closed', KEPT.closed);
  const deleted = await secret('bed/deleted', 'nobody will read this');
  await secrets.send(new DeleteSecretCommand({ SecretId: deleted, ForceDeleteWithoutRecovery: true }));
  const Name = '/bed/key';
  await parameters.send(new PutParameterCommand({ Name, Value: KEPT.key, Type: 'SecureString' }));
  const { Parameter } = await parameters.send(new GetParameterCommand({ Name }));
  return { token, callback, closed, deleted, key: Parameter?.ARN ?? '' };
}
