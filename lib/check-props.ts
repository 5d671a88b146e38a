import { evidenceProblems } from './check-evidence.ts';
import { keyProblems } from './check-keys.ts';
import { modelProblems } from './check-models.ts';
import { nameProblems, networkProblems, placeProblems, retentionProblems } from './check-place.ts';
import { callbackProblems, secretProblems } from './check-secrets.ts';
import { spendingProblems } from './check-spending.ts';
import { toldTooMuch } from './check-told.ts';
import {
  digestProblems,
  environmentImageProblems,
  environmentProblems,
  roleNameProblems,
  wrapperProblems,
} from './check-workers.ts';
import { isNot, isWhole, WaybillPropsError } from './props-error.ts';
import { shapeProblems } from './props-shape.ts';
import type { WaybillProps } from './waybill-props.ts';

type Property = keyof WaybillProps;

interface Check {
  readonly reads: readonly Property[];
  problems(props: WaybillProps): string[];
}

/** What a check does not say that it reads it cannot read: it is left out while the kind of one of them is wrong. */
function check<K extends Property>(reads: readonly K[], problems: (props: Pick<WaybillProps, K>) => string[]): Check {
  return { reads, problems };
}

const CHECKS: readonly Check[] = [
  check(['env'], placeProblems),
  check(['name', 'origin'], nameProblems),
  check(['env', 'availabilityZones', 'network'], networkProblems),
  check(['mode', 'retention'], retentionProblems),
  check(['workerDigest'], digestProblems),
  check(['env', 'network', 'wrapperImage'], wrapperProblems),
  check(['env', 'network', 'environments'], environmentImageProblems),
  check(['environments'], environmentProblems),
  check(['env', 'name', 'environments'], roleNameProblems),
  check(['queues'], queueProblems),
  check(['spending'], spendingProblems),
  check(['env', 'secrets'], secretProblems),
  check(['env', 'callbacks'], callbackProblems),
  check(['env', 'models'], modelProblems),
  check(['pinnedKeys', 'origin'], keyProblems),
  check(['signingKeys'], signingKeyProblems),
  check(['permissionsBoundary', 'auditorPrincipals', 'legalHoldPrincipals'], principalProblems),
  check(['s3PrefixListId', 'alarmEmail', 'monthlyBudgetUsd', 'logDays'], restProblems),
  check(['evidence'], evidenceProblems),
  check(['tags'], tagProblems),
];

/** @throws WaybillPropsError */
export function checkProps(props: WaybillProps): void {
  const problems = propsProblems(props);
  if (problems.length > 0) throw new WaybillPropsError(problems);
}

/** @param props whatever somebody passed: not every app is compiled */
export function propsProblems(props: unknown): string[] {
  const misshapen = shapeProblems(props);
  const wrong = new Set(misshapen.map(({ property }) => property));
  const problems = misshapen.map(({ text }) => text);
  if (wrong.has('')) return problems;
  const shaped = props as WaybillProps;
  for (const { reads, problems: of } of CHECKS) {
    if (!reads.some((property) => wrong.has(property))) problems.push(...of(shaped));
  }
  // Says how long names and lists are together, which means something only when each of them is right.
  return problems.length === 0 ? toldTooMuch(shaped) : problems;
}

function queueProblems({ queues = {} }: Pick<WaybillProps, 'queues'>): string[] {
  const problems: string[] = [];
  for (const [name, { concurrency, rate }] of Object.entries(queues)) {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) problems.push(isNot('queues', name, 'a name of a-z, 0-9 and -'));
    if (!isWhole(concurrency, 1000)) {
      problems.push(isNot(`queues.${name}.concurrency`, concurrency, 'a whole number from 1 to 1000'));
    }
    if (rate !== undefined && !(isWhole(rate.starts, 10_000) && isWhole(rate.perSeconds, 86_400)))
      problems.push(isNot(`queues.${name}.rate`, rate, 'starts from 1 to 10000 in perSeconds from 1 to 86400'));
  }
  return problems;
}

/** The one in force, and the one that comes next. */
export const MOST_SIGNING_KEYS = 2;

function signingKeyProblems({ signingKeys = { attest: 1, log: 1 } }: Pick<WaybillProps, 'signingKeys'>): string[] {
  return Object.entries(signingKeys).flatMap(([use, count]) =>
    isWhole(count, MOST_SIGNING_KEYS)
      ? []
      : [isNot(`signingKeys.${use}`, count, '1, or 2 for a rotation: the key in force and the next one')],
  );
}

function principalProblems({
  permissionsBoundary,
  auditorPrincipals = [],
  legalHoldPrincipals = [],
}: Pick<WaybillProps, 'permissionsBoundary' | 'auditorPrincipals' | 'legalHoldPrincipals'>): string[] {
  const problems: string[] = [];
  for (const arn of legalHoldPrincipals) {
    if (!/^arn:[a-z-]+:iam::\d{12}:(role|user)\/./.test(arn))
      problems.push(isNot('legalHoldPrincipals', arn, 'the ARN of a role or user'));
  }
  for (const arn of auditorPrincipals) {
    if (!/^arn:[a-z-]+:iam::\d{12}:(role|user|root)/.test(arn))
      problems.push(isNot('auditorPrincipals', arn, 'the ARN of a role, user or account'));
  }
  if (permissionsBoundary !== undefined && !/^arn:[a-z-]+:iam::(\d{12}|aws):policy\//.test(permissionsBoundary)) {
    problems.push(isNot('permissionsBoundary', permissionsBoundary, 'the ARN of a managed policy'));
  }
  return problems;
}

const LOG_DAYS = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

function restProblems({
  s3PrefixListId,
  alarmEmail,
  monthlyBudgetUsd,
  logDays,
}: Pick<WaybillProps, 's3PrefixListId' | 'alarmEmail' | 'monthlyBudgetUsd' | 'logDays'>): string[] {
  const problems: string[] = [];
  if (!/^pl-[0-9a-f]+$/.test(s3PrefixListId)) {
    problems.push(isNot('s3PrefixListId', s3PrefixListId, 'the id of a prefix list, pl-…'));
  }
  if (!/^[^@\s]+@[^@\s]+$/.test(alarmEmail)) problems.push(isNot('alarmEmail', alarmEmail, 'an address'));
  if (!(monthlyBudgetUsd > 0)) problems.push(isNot('monthlyBudgetUsd', monthlyBudgetUsd, 'more than 0'));
  if (logDays !== undefined && !LOG_DAYS.includes(logDays))
    problems.push(isNot('logDays', logDays, `one of ${LOG_DAYS.join(', ')}`));
  return problems;
}

const TAG = { name: 127, value: 256 };

function tagProblems({ tags = {} }: Pick<WaybillProps, 'tags'>): string[] {
  return Object.entries(tags).flatMap(([name, value]) => {
    if (/^aws:/i.test(name))
      return [isNot('tags', name, 'a name that does not begin with aws:, which is kept for AWS')];
    if (name.length < 1 || name.length > TAG.name)
      return [isNot('tags', name, `a name of 1 to ${TAG.name} characters`)];
    return value.length <= TAG.value ? [] : [isNot(`tags.${name}`, value, `of at most ${TAG.value} characters`)];
  });
}
