/** Where a deployment is, what it is called, and how long its evidence lies there. */
import { REGION } from './check-workers.ts';
import { isNot, isWhole } from './props-error.ts';
import type { WaybillProps } from './waybill-props.ts';

export function placeProblems({ env }: Pick<WaybillProps, 'env'>): string[] {
  const problems: string[] = [];
  if (!/^\d{12}$/.test(env.account)) problems.push(isNot('env.account', env.account, 'twelve digits, typed out'));
  if (!REGION.test(env.region)) {
    problems.push(isNot('env.region', env.region, 'a region such as eu-central-1, typed out'));
  }
  return problems;
}

export function nameProblems({ name, origin }: Pick<WaybillProps, 'name' | 'origin'>): string[] {
  const problems: string[] = [];
  if (name !== undefined && !/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/.test(name)) {
    problems.push(isNot('name', name, '2 to 20 of a-z, 0-9 and -, from a letter to a letter or digit'));
  }
  // Its machines would be among those of another deployment, whose names go on with this word.
  if (name !== undefined && /-attempt(-|$)/.test(name)) {
    problems.push(isNot('name', name, 'a name without "-attempt", which the names of machines go on with'));
  }
  if (!/^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/.test(origin)) {
    problems.push(isNot('origin', origin, 'a host and path such as example.com/waybill'));
  }
  return problems;
}

export function networkProblems({
  env,
  availabilityZones,
  network,
}: Pick<WaybillProps, 'env' | 'availabilityZones' | 'network'>): string[] {
  if (network === undefined) {
    const zones = new Set(availabilityZones?.filter((zone) => zone.startsWith(env.region)));
    if (zones.size === availabilityZones?.length && (zones.size === 2 || zones.size === 3)) return [];
    return [isNot('availabilityZones', availabilityZones, `two or three zones of ${env.region}, typed out, each once`)];
  }
  const { endpointSecurityGroups, reachWholeVpc } = network;
  const problems: string[] = [];
  if ((endpointSecurityGroups === undefined) === (reachWholeVpc === undefined)) {
    problems.push(
      'network: has to have either endpointSecurityGroups, whom workers may reach there, or reachWholeVpc: true',
    );
  }
  if (endpointSecurityGroups?.every((id) => /^sg-[0-9a-f]+$/.test(id)) === false) {
    problems.push(isNot('network.endpointSecurityGroups', endpointSecurityGroups, 'ids of security groups, sg-…'));
  }
  return problems;
}

/** S3 refuses more than a hundred years. */
const MAX_RETENTION_DAYS = 36_500;

export function retentionProblems({
  mode = 'production',
  retention,
}: Pick<WaybillProps, 'mode' | 'retention'>): string[] {
  const { days } = retention;
  if (!isWhole(days, MAX_RETENTION_DAYS)) {
    return [isNot('retention.days', days, `a whole number from 1 to ${MAX_RETENTION_DAYS}`)];
  }
  const isTestRetention = retention.mode === 'GOVERNANCE' && days === 1;
  if (mode === 'test' && !isTestRetention) {
    const why = 'GOVERNANCE and one day with mode test; what is locked for longer outlives the test';
    return [isNot('retention', retention, why)];
  }
  if (mode === 'production' && retention.mode !== 'COMPLIANCE') {
    const why = 'COMPLIANCE in production; in GOVERNANCE mode an administrator can delete evidence';
    return [isNot('retention.mode', retention.mode, why)];
  }
  return [];
}
