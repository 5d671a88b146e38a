import { deploymentNames } from './deployment-names.ts';
import { sizeProblems } from './fargate-sizes.ts';
import { DEFAULT_NAME, type PinnedKeys, type WaybillProps } from './waybill-props.ts';

/** A tag beside the digest would be part of the repository in every policy. */
const IMAGE_BY_DIGEST = /^[a-z0-9.:_-]+(\/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$/;
const MAX_ROLE_NAME = 64;
export const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function workerProblems(props: WaybillProps): string[] {
  const problems: string[] = [...imageProblems(props), ...roleNameProblems(props)];
  if (!/^sha256:[0-9a-f]{64}$/.test(props.workerDigest)) problems.push('workerDigest: sha256:<64 hex digits>');
  if (props.environments.default === undefined) problems.push('environments: one must be called default');
  for (const [name, environment] of Object.entries(props.environments)) {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) problems.push(`environments: "${name}" is no name of a-z, 0-9 and -`);
    problems.push(...sizeProblems(environment).map((problem) => `environments.${name}.${problem}`));
  }
  if (props.pinnedKeys !== undefined) problems.push(...pinnedKeyProblems(props.pinnedKeys, props.origin));
  return problems;
}

/** In our own network the endpoints lead to ECR of the region and nowhere else: a task with another image never starts. */
function imageProblems({ wrapperImage, environments, env, network }: WaybillProps): string[] {
  const images = [
    ['wrapperImage', wrapperImage] as const,
    ...Object.entries(environments).map(([name, { image }]) => [`environments.${name}.image`, image] as const),
  ];
  const { dnsSuffix } = deploymentNames({ name: DEFAULT_NAME, ...env });
  const registry = new RegExp(`^\\d{12}\\.dkr\\.ecr\\.${env.region}\\.${dnsSuffix.replaceAll('.', '\\.')}/`);
  return images.flatMap(([property, image]) => {
    if (!IMAGE_BY_DIGEST.test(image))
      return [`${property}: an image by digest, <registry>/<repository>@sha256:<64 hex digits>`];
    if (network !== undefined || registry.test(image) || !REGION.test(env.region)) return [];
    return [
      `${property}: workers reach no registry but <account>.dkr.ecr.${env.region}.${dnsSuffix}; push the image there, or bring a network`,
    ];
  });
}

function roleNameProblems({ environments, env, name = DEFAULT_NAME }: WaybillProps): string[] {
  const { role } = deploymentNames({ name, ...env });
  return Object.keys(environments).flatMap((environment) => {
    const spare = MAX_ROLE_NAME - role(`attempt-${environment}`).length;
    return spare >= 0
      ? []
      : [`environments: "${environment}" is ${-spare} characters too long for the name of its role`];
  });
}

function pinnedKeyProblems(pinned: PinnedKeys, origin: string): string[] {
  const fix = 'write it with waybill keys export';
  if (pinned.format !== 'waybill-keys/v1') return [`pinnedKeys.format: is not waybill-keys/v1; ${fix}`];
  if (pinned.origin !== origin) return [`pinnedKeys.origin: is the keys of ${pinned.origin}, and this is ${origin}`];
  return pinned.keys.some(({ use }) => use === 'attest') ? [] : [`pinnedKeys.keys: none of use attest; ${fix}`];
}
