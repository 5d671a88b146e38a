/** The models of a deployment: what blocks call them, and what a request for each has to be allowed on. */
import { partitionOf } from './deployment-names.ts';
import { isNot } from './props-error.ts';
import type { WaybillProps } from './waybill-props.ts';

/** As requests name them, which is as blocks do. A list of them is told with commas. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,127}$/;
/** A profile is of the account or of AWS; the models behind it are in several regions. */
const RESOURCE =
  '(?:[a-z0-9-]*::foundation-model/[A-Za-z0-9.:-]+|<region>:<account>:(?:application-)?inference-profile/[A-Za-z0-9.:-]+)';
/** Of the policy that narrows a session, as STS takes it. */
const MAX_POLICY_CHARACTERS = 2_048;
const POLICY_WITHOUT = 200;

/** Those of all models: sorted, unique. */
export function modelArnsOf({ models = {} }: Pick<WaybillProps, 'models'>): string[] {
  return [...new Set(Object.values(models).flat())].sort();
}

export function modelProblems({ env, models = {} }: Pick<WaybillProps, 'env' | 'models'>): string[] {
  const resource = RESOURCE.replace('<region>', env.region).replace('<account>', env.account);
  const arn = new RegExp(`^arn:${partitionOf(env.region)}:bedrock:${resource}$`);
  return Object.entries(models).flatMap(([name, arns]) => {
    if (!NAME.test(name))
      return [isNot('models', name, 'the id of a model or of an inference profile, as requests have it')];
    const path = `models.${name}`;
    const wrong = arns.find((one) => !arn.test(one));
    if (wrong !== undefined) {
      const wanted = `the whole ARN of a model of Bedrock, or of an inference profile of ${env.account} in ${env.region}`;
      return [isNot(path, wrong, wanted)];
    }
    const length = POLICY_WITHOUT + JSON.stringify(arns).length;
    return arns.length > 0 && length <= MAX_POLICY_CHARACTERS
      ? []
      : [isNot(path, `${arns.length} ARNs`, 'at least one, and no more than fit into the policy of a session')];
  });
}
