/** What functions are told of what attempts are given under seal: secrets, and sessions with models. */
import { keptSecret } from './check-secrets.ts';
import type { DeploymentNames } from './deployment-names.ts';
import type { WaybillProps } from './waybill-props.ts';

/** Who takes runs in is told names, and who reads secrets where they are; nothing where there are none. */
export function keptSecrets({ secrets = {} }: WaybillProps): {
  WAYBILL_SECRETS?: string;
  WAYBILL_SECRET_NAMES?: string;
} {
  const arns = Object.entries(secrets).map(([name, kept]) => [name, keptSecret(kept).arn] as const);
  if (arns.length === 0) return {};
  const names = arns.map(([name]) => name);
  return { WAYBILL_SECRETS: JSON.stringify(Object.fromEntries(arns)), WAYBILL_SECRET_NAMES: names.join(',') };
}

/** The same of models: who takes runs in and who dispatches have names; who makes sessions, where and on what. */
export function sessionsWith(
  { arn, region, dnsSuffix }: DeploymentNames,
  { models = {} }: WaybillProps,
): Readonly<Record<string, string>> {
  if (Object.keys(models).length === 0) return {};
  return {
    WAYBILL_MODEL_NAMES: Object.keys(models).join(','),
    WAYBILL_MODEL_ARNS: JSON.stringify(models),
    WAYBILL_MODEL_ROLE: arn.role('models'),
    WAYBILL_MODEL_URL: `https://bedrock-runtime.${region}.${dnsSuffix}`,
  };
}
