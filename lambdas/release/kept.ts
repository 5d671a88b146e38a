/** What the vault of a deployment reads: secrets of the account, and sessions with models. */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { openSessions } from '#adapters/aws/model-session.ts';
import { readFromAccount } from '#adapters/aws/secret-vault.ts';
import { createLocalClock } from '#adapters/local/clock.ts';
import type { ReadSecret } from '#composition/secret-vault.ts';
import { sessionWith } from '#core/named-secrets.ts';
import { modelArns, secretArns, setting } from '#lambdas/shared/settings.ts';

export function openSecrets(): ReadSecret {
  const secrets = readFromAccount({
    secrets: new SecretsManagerClient({}),
    parameters: new SSMClient({}),
    arns: secretArns(),
  });
  const arns = modelArns();
  if (arns.size === 0) return secrets;
  const clock = createLocalClock();
  const sessions = openSessions({
    sts: new STSClient({}),
    role: setting('WAYBILL_MODEL_ROLE'),
    url: setting('WAYBILL_MODEL_URL'),
    region: setting('AWS_REGION'),
    arns,
    nowMs: () => clock.nowMs(),
  });
  return (name, attempt) => {
    const model = sessionWith(name);
    return model === null ? secrets(name) : sessions(model, attempt);
  };
}
