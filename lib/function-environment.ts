import { keptSecret } from './check-secrets.ts';
import { DEFAULT_ENVIRONMENT, type DeploymentNames, FUNCTIONS, type FunctionName } from './deployment-names.ts';
import { cpuOf, memoryOf } from './fargate-sizes.ts';
import { keptSecrets, sessionsWith } from './sealed-facts.ts';
import type { KeyArns } from './statement.ts';
import type { WaybillProps } from './waybill-props.ts';
import { workerExecutable } from './worker-executable.ts';

/** What functions are told about their deployment, by the names that lambdas/shared reads them under. */
export type DeploymentFacts = Readonly<Record<string, string>>;

const STORE = ['WAYBILL_DEPLOYMENT', 'WAYBILL_ORIGIN', 'WAYBILL_TABLE'];
const MAIL = ['WAYBILL_INBOX_BUCKET', 'WAYBILL_STAGING_BUCKET', 'WAYBILL_ARTIFACTS_BUCKET', 'WAYBILL_DATA_KEY'];
const KEYS = ['WAYBILL_ATTEST_KEYS', 'WAYBILL_LOG_KEYS', 'WAYBILL_PSEUDONYM_KEY'];
const ATTEMPTS = [
  'WAYBILL_STATE_MACHINE',
  'WAYBILL_ENVIRONMENTS',
  'WAYBILL_CLUSTER',
  'WAYBILL_MAILBOX_ROLE',
  'WAYBILL_WORKER_DIGEST',
  'WAYBILL_ISOLATION',
];
const LEDGER = ['WAYBILL_LEDGER_BUCKET', 'WAYBILL_RETENTION'];
const REST = [
  'WAYBILL_SUBMIT_QUEUE_URL',
  'WAYBILL_SEAL_QUEUE_URL',
  'WAYBILL_TIMER_QUEUE_URL',
  'WAYBILL_EVENT_BUS',
  'WAYBILL_QUEUES',
  'WAYBILL_SPENDING',
  'WAYBILL_MODEL_NAMES',
];
/** What any function on the flow reads: one composition root serves them all. */
const FLOW = [...STORE, ...MAIL, ...KEYS, ...ATTEMPTS, ...LEDGER, ...REST];

/** An environment holds four kilobytes: room for the evidence, which nobody else reads, is made by what the sequencer does not. */
const SEAL = [
  ...STORE,
  ...KEYS,
  ...LEDGER,
  'WAYBILL_INBOX_BUCKET',
  'WAYBILL_WORKER_DIGEST',
  'WAYBILL_ISOLATION',
  'WAYBILL_QUEUES',
  'WAYBILL_SPENDING',
  'WAYBILL_EVIDENCE',
];

/** What the doctor holds against the account. */
const EXAMINED = [
  ...STORE,
  ...LEDGER,
  ...MAIL,
  'WAYBILL_ATTEST_KEYS',
  'WAYBILL_LOG_KEYS',
  'WAYBILL_STATE_MACHINE',
  'WAYBILL_CLUSTER',
  'WAYBILL_DEAD_LETTER_URLS',
  'WAYBILL_IMAGES',
  'WAYBILL_RECONCILE_SCHEDULE',
  'WAYBILL_FUNCTIONS',
  'WAYBILL_NETWORK',
  'WAYBILL_ALARM_TOPIC',
  'WAYBILL_VCPUS',
];

const TOLD: Readonly<Record<FunctionName, readonly string[]>> = {
  submit: [
    ...FLOW,
    'WAYBILL_SCHEDULE_GROUP',
    'WAYBILL_SCHEDULE_ROLE',
    'WAYBILL_SLOT_FUNCTION',
    'WAYBILL_SECRET_NAMES',
    'WAYBILL_CALLBACK_NAMES',
  ],
  advance: [...FLOW, 'WAYBILL_NOTIFY_QUEUE_URL'],
  dispatch: FLOW,
  release: [
    ...STORE,
    'WAYBILL_STAGING_BUCKET',
    'WAYBILL_WORKER_DIGEST',
    'WAYBILL_ISOLATION',
    'WAYBILL_SECRETS',
    'WAYBILL_MODEL_ARNS',
    'WAYBILL_MODEL_ROLE',
    'WAYBILL_MODEL_URL',
  ],
  settle: FLOW,
  seal: SEAL,
  notify: [...STORE, 'WAYBILL_WORKER_DIGEST', 'WAYBILL_ISOLATION', 'WAYBILL_CALLBACKS'],
  reconcile: [...FLOW, 'WAYBILL_NOTIFY_QUEUE_URL'],
  slot: [
    ...STORE,
    'WAYBILL_INBOX_BUCKET',
    'WAYBILL_ARTIFACTS_BUCKET',
    'WAYBILL_DATA_KEY',
    'WAYBILL_WORKER_DIGEST',
    'WAYBILL_ISOLATION',
  ],
  doctor: EXAMINED,
};

export function environmentOf(which: FunctionName, facts: DeploymentFacts): Record<string, string> {
  return Object.fromEntries(TOLD[which].flatMap((name) => (facts[name] === undefined ? [] : [[name, facts[name]]])));
}

/** A queue or the table triggers the others. */
const CALLED: ReadonlySet<FunctionName> = new Set(['slot', 'doctor']);
/** One vCPU, as of a task that says nothing else. */
const DEFAULT_CPU_UNITS = 1024;
const DEFAULT_QUEUES = { default: { concurrency: 20 } };

/** What the doctor is told, and what the deployment file says besides: the images, what is triggered, what workers take at most. */
export function examinedFacts(
  names: DeploymentNames,
  { wrapperImage, environments, queues = DEFAULT_QUEUES }: WaybillProps,
): { images: string[]; functions: string[]; vCpus: string } {
  const all = Object.values(environments);
  const slots = Object.values(queues).reduce((sum, { concurrency }) => sum + concurrency, 0);
  const units = Math.max(...all.map(({ cpu }) => cpu ?? DEFAULT_CPU_UNITS));
  return {
    images: [...new Set([wrapperImage, ...all.map(({ image }) => image)])],
    functions: FUNCTIONS.filter((name) => !CALLED.has(name)).map((name) => names.functionName(name)),
    vCpus: String((slots * units) / 1024),
  };
}

/** All but what only the runtime stack knows: URLs of queues, the network. */
export function factsOf({
  names,
  settings,
  keys,
}: {
  names: DeploymentNames;
  settings: WaybillProps;
  keys: KeyArns;
}): Record<string, string> {
  const { images, functions, vCpus } = examinedFacts(names, settings);
  return {
    WAYBILL_DEPLOYMENT: names.name,
    WAYBILL_ORIGIN: settings.origin,
    WAYBILL_TABLE: names.table,
    WAYBILL_INBOX_BUCKET: names.bucket('inbox'),
    WAYBILL_STAGING_BUCKET: names.bucket('staging'),
    WAYBILL_ARTIFACTS_BUCKET: names.bucket('artifacts'),
    WAYBILL_LEDGER_BUCKET: names.bucket('ledger'),
    WAYBILL_DATA_KEY: keys.data,
    WAYBILL_ATTEST_KEYS: keys.attest.join(','),
    WAYBILL_LOG_KEYS: keys.log.join(','),
    WAYBILL_PSEUDONYM_KEY: keys.pseudonym,
    WAYBILL_STATE_MACHINE: names.arn.machineAlias(DEFAULT_ENVIRONMENT),
    WAYBILL_CLUSTER: names.arn.cluster,
    WAYBILL_MAILBOX_ROLE: names.arn.role('mailbox'),
    WAYBILL_EVENT_BUS: names.bus,
    WAYBILL_SCHEDULE_GROUP: names.scheduleGroup,
    WAYBILL_SCHEDULE_ROLE: names.arn.role('schedules'),
    WAYBILL_SLOT_FUNCTION: names.arn.functionArn('slot'),
    WAYBILL_QUEUES: JSON.stringify(settings.queues ?? DEFAULT_QUEUES),
    WAYBILL_SPENDING: JSON.stringify({ ...settings.spending, sizes: sizesOf(settings) }),
    WAYBILL_RETENTION: `${settings.retention.mode}:${settings.retention.days}`,
    WAYBILL_WORKER_DIGEST: workerExecutable(
      settings.workerDigest,
      settings.environments[DEFAULT_ENVIRONMENT]?.image ?? '',
    ),
    WAYBILL_ISOLATION: 'container',
    WAYBILL_IMAGES: images.join(','),
    WAYBILL_RECONCILE_SCHEDULE: names.rule('each-minute'),
    WAYBILL_FUNCTIONS: functions.join(','),
    WAYBILL_ALARM_TOPIC: names.arn.topic,
    WAYBILL_VCPUS: vCpus,
    ...otherEnvironments(names, settings),
    ...keptSecrets(settings),
    ...namedCallbacks(settings),
    ...sessionsWith(names, settings),
    ...(settings.evidence !== undefined && { WAYBILL_EVIDENCE: JSON.stringify(settings.evidence) }),
  };
}

/** Who takes runs in is told whom they may name, and who sends, where those are and the ARN of the key; nothing where there are none. */
function namedCallbacks({ callbacks = {} }: WaybillProps): {
  WAYBILL_CALLBACKS?: string;
  WAYBILL_CALLBACK_NAMES?: string;
} {
  const told = Object.entries(callbacks).map(([name, { url, secret }]) => {
    return [name, { url, secret: keptSecret(secret).arn }] as const;
  });
  if (told.length === 0) return {};
  const names = told.map(([name]) => name);
  return { WAYBILL_CALLBACKS: JSON.stringify(Object.fromEntries(told)), WAYBILL_CALLBACK_NAMES: names.join(',') };
}

/** What a worker of each environment has, which is paid for by time. */
function sizesOf({ environments }: WaybillProps): Record<string, { cpuUnits: number; memoryMiB: number }> {
  const sizes = Object.entries(environments).map(([name, size]) => {
    return [name, { cpuUnits: cpuOf(size), memoryMiB: memoryOf(size) }] as const;
  });
  return Object.fromEntries(sizes);
}

/** Those beside the default one, with the machine that starts attempts in each; nothing where there are none. */
function otherEnvironments(
  names: DeploymentNames,
  { environments, workerDigest }: WaybillProps,
): { WAYBILL_ENVIRONMENTS?: string } {
  const others = Object.entries(environments).filter(([name]) => name !== DEFAULT_ENVIRONMENT);
  if (others.length === 0) return {};
  const told = others.map(([name, { image }]) => [
    name,
    { machine: names.arn.machineAlias(name), executable: workerExecutable(workerDigest, image) },
  ]);
  return { WAYBILL_ENVIRONMENTS: JSON.stringify(Object.fromEntries(told)) };
}
