import { deploymentNames } from './deployment-names.ts';
import { sizeProblems } from './fargate-sizes.ts';
import { isNot } from './props-error.ts';
import { DEFAULT_NAME, type WaybillProps } from './waybill-props.ts';

/** A tag beside the digest would be part of the repository in every policy. */
const IMAGE_BY_DIGEST = /^[a-z0-9.:_-]+(\/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$/;
const MAX_ROLE_NAME = 64;
export const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function digestProblems({ workerDigest }: Pick<WaybillProps, 'workerDigest'>): string[] {
  if (/^sha256:[0-9a-f]{64}$/.test(workerDigest)) return [];
  return [
    isNot('workerDigest', workerDigest, 'sha256:<64 hex digits>, as npm run build:worker prints it for worker.mjs'),
  ];
}

export function environmentProblems({ environments }: Pick<WaybillProps, 'environments'>): string[] {
  const problems: string[] = [];
  if (environments.default === undefined) problems.push('environments: one has to be called default');
  for (const [name, environment] of Object.entries(environments)) {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) problems.push(isNot('environments', name, 'a name of a-z, 0-9 and -'));
    problems.push(...sizeProblems(environment).map((problem) => `environments.${name}.${problem}`));
  }
  return problems;
}

export function wrapperProblems({
  wrapperImage,
  ...place
}: Pick<WaybillProps, 'wrapperImage' | 'env' | 'network'>): string[] {
  return imageProblems('wrapperImage', wrapperImage, place);
}

export function environmentImageProblems({
  environments,
  ...place
}: Pick<WaybillProps, 'environments' | 'env' | 'network'>): string[] {
  return Object.entries(environments).flatMap(([name, { image }]) =>
    imageProblems(`environments.${name}.image`, image, place),
  );
}

/** In our own network the endpoints lead to ECR of the region and nowhere else: a task with another image never starts. */
function imageProblems(
  property: string,
  image: string,
  { env, network }: Pick<WaybillProps, 'env' | 'network'>,
): string[] {
  if (!IMAGE_BY_DIGEST.test(image))
    return [isNot(property, image, 'an image by digest, <registry>/<repository>@sha256:<64 hex digits>')];
  if (network !== undefined || !REGION.test(env.region)) return [];
  const { dnsSuffix } = deploymentNames({ name: DEFAULT_NAME, ...env });
  const registry = new RegExp(`^\\d{12}\\.dkr\\.ecr\\.${env.region}\\.${dnsSuffix.replaceAll('.', '\\.')}/`);
  if (registry.test(image)) return [];
  return [
    `${property}: workers reach no registry but <account>.dkr.ecr.${env.region}.${dnsSuffix}; push the image there, or bring a network`,
  ];
}

export function roleNameProblems({
  environments,
  env,
  name = DEFAULT_NAME,
}: Pick<WaybillProps, 'environments' | 'env' | 'name'>): string[] {
  const { role } = deploymentNames({ name, ...env });
  return Object.keys(environments).flatMap((environment) => {
    const spare = MAX_ROLE_NAME - role(`attempt-${environment}`).length;
    return spare >= 0
      ? []
      : [`environments: "${environment}" is ${-spare} characters too long for the name of its role`];
  });
}
