import { evidenceProblems } from './check-evidence.ts';
import { toldTooMuch } from './check-told.ts';
import { REGION, workerProblems } from './check-workers.ts';
import type { WaybillProps } from './waybill-props.ts';

/** Says all that is wrong with the properties at once, each with the property's name. */
export class WaybillPropsError extends TypeError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Waybill cannot be deployed like this:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
    this.name = 'WaybillPropsError';
    this.problems = problems;
  }
}

const LOG_DAYS = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/** S3 refuses more than a hundred years. */
const MAX_RETENTION_DAYS = 36_500;

/** @throws WaybillPropsError */
export function checkProps(props: WaybillProps): void {
  const problems = [
    ...placeProblems(props),
    ...retentionProblems(props),
    ...workerProblems(props),
    ...evidenceProblems(props),
    ...restProblems(props),
  ];
  // Says how long names and lists are together, which means something only when each of them is right.
  if (problems.length === 0) problems.push(...toldTooMuch(props));
  if (problems.length > 0) throw new WaybillPropsError(problems);
}

function placeProblems(props: WaybillProps): string[] {
  const problems: string[] = [];
  const { env, name, origin, availabilityZones, network } = props;
  if (!/^\d{12}$/.test(env.account)) problems.push('env.account: twelve digits, typed out');
  if (!REGION.test(env.region)) problems.push('env.region: a region such as eu-central-1, typed out');
  if (name !== undefined && !/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/.test(name)) {
    problems.push('name: 2 to 20 of a-z, 0-9 and -, from a letter to a letter or digit');
  }
  if (!/^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/.test(origin))
    problems.push('origin: a host and path such as example.com/waybill');
  const zones = availabilityZones?.length ?? 0;
  if (network === undefined && (zones < 2 || zones > 3))
    problems.push('availabilityZones: two or three zones, typed out');
  if (
    network !== undefined &&
    (network.endpointSecurityGroups === undefined) === (network.reachWholeVpc === undefined)
  ) {
    problems.push('network: either endpointSecurityGroups, whom workers may reach there, or reachWholeVpc: true');
  }
  if (network?.endpointSecurityGroups?.every((id) => /^sg-[0-9a-f]+$/.test(id)) === false) {
    problems.push('network.endpointSecurityGroups: ids of security groups, sg-…');
  }
  if (!/^pl-[0-9a-f]+$/.test(props.s3PrefixListId)) problems.push('s3PrefixListId: the id of a prefix list, pl-…');
  return problems;
}

function retentionProblems({ mode = 'production', retention }: WaybillProps): string[] {
  const { days } = retention;
  if (!Number.isInteger(days) || days < 1 || days > MAX_RETENTION_DAYS) {
    return [`retention.days: a whole number from 1 to ${MAX_RETENTION_DAYS}`];
  }
  const isTestRetention = retention.mode === 'GOVERNANCE' && days === 1;
  if (mode === 'test' && !isTestRetention) {
    return ['retention: GOVERNANCE and one day with mode test; what is locked for longer outlives the test'];
  }
  if (mode === 'production' && retention.mode !== 'COMPLIANCE') {
    return ['retention.mode: COMPLIANCE in production; in GOVERNANCE mode an administrator can delete evidence'];
  }
  return [];
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

function restProblems(props: WaybillProps): string[] {
  const problems: string[] = [];
  for (const [name, { concurrency, rate, state = 'open' }] of Object.entries(props.queues ?? {})) {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) problems.push(`queues: "${name}" is no name of a-z, 0-9 and -`);
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
      problems.push(`queues.${name}.concurrency: a whole number from 1 to 1000`);
    }
    if (rate !== undefined && !(isWhole(rate.starts, 10_000) && isWhole(rate.perSeconds, 86_400)))
      problems.push(`queues.${name}.rate: starts from 1 to 10000 in perSeconds from 1 to 86400`);
    if (!['open', 'paused', 'draining'].includes(state))
      problems.push(`queues.${name}.state: open, paused or draining`);
  }
  for (const [use, count] of Object.entries(props.signingKeys ?? {})) {
    if (!Number.isInteger(count) || count < 1 || count > 10) problems.push(`signingKeys.${use}: 1 to 10`);
  }
  for (const arn of props.legalHoldPrincipals ?? []) {
    if (!/^arn:[a-z-]+:iam::\d{12}:(role|user)\/./.test(arn))
      problems.push(`legalHoldPrincipals: "${arn}" is no ARN of a role or user`);
  }
  for (const arn of props.auditorPrincipals ?? []) {
    if (!/^arn:[a-z-]+:iam::\d{12}:(role|user|root)/.test(arn))
      problems.push(`auditorPrincipals: "${arn}" is no ARN of a role, user or account`);
  }
  if (
    props.permissionsBoundary !== undefined &&
    !/^arn:[a-z-]+:iam::(\d{12}|aws):policy\//.test(props.permissionsBoundary)
  ) {
    problems.push('permissionsBoundary: the ARN of a managed policy');
  }
  if (!/^[^@\s]+@[^@\s]+$/.test(props.alarmEmail)) problems.push('alarmEmail: an address');
  if (!(props.monthlyBudgetUsd > 0)) problems.push('monthlyBudgetUsd: more than 0');
  if (props.logDays !== undefined && !LOG_DAYS.includes(props.logDays))
    problems.push(`logDays: one of ${LOG_DAYS.join(', ')}`);
  return problems;
}
