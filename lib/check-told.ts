/** What functions are told fits into their environment. */
import { deploymentNames, FUNCTIONS } from './deployment-names.ts';
import { environmentOf, factsOf } from './function-environment.ts';
import { Queues } from './routes.ts';
import { DEFAULT_NAME, type WaybillProps } from './waybill-props.ts';

/** Lambda's limit, of names and values together. */
const MAX_BYTES = 4096;
const KEY_ID = '0'.repeat(36);

export function toldTooMuch(props: WaybillProps): string[] {
  const { env, name = DEFAULT_NAME, signingKeys = { attest: 1, log: 1 } } = props;
  const names = deploymentNames({ name, ...env });
  const key = `arn:${names.partition}:kms:${env.region}:${env.account}:key/${KEY_ID}`;
  const url = (queue: string): string => `https://sqs.${env.region}.${names.dnsSuffix}/${env.account}/${queue}`;
  const facts = {
    ...factsOf({
      names,
      settings: props,
      keys: {
        data: key,
        state: key,
        pseudonym: key,
        attest: new Array<string>(signingKeys.attest).fill(key),
        log: new Array<string>(signingKeys.log).fill(key),
      },
    }),
    WAYBILL_SUBMIT_QUEUE_URL: url(names.queue('submit')),
    WAYBILL_SEAL_QUEUE_URL: url(names.queue('seal')),
    WAYBILL_NOTIFY_QUEUE_URL: url(names.queue('notify')),
    WAYBILL_TIMER_QUEUE_URL: url(names.queue('timers')),
    WAYBILL_DEAD_LETTER_URLS: Queues.deadLettersOf()
      .map((of) => url(names.deadLetters(of)))
      .join(','),
  };
  const sizes = FUNCTIONS.map((which) => ({ which, told: bytesOf(environmentOf(which, facts)) }));
  const [most] = sizes.toSorted((a, b) => total(b.told) - total(a.told));
  if (most === undefined || total(most.told) <= MAX_BYTES) return [];
  const longest = [...most.told].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? '';
  return [
    `${FIXES[longest] ?? longest}: ${most.which} would be told ${total(most.told)} bytes, and Lambda takes ${MAX_BYTES} (${longest})`,
  ];
}

function bytesOf(environment: Readonly<Record<string, string>>): ReadonlyMap<string, number> {
  const bytes = (name: string, value: string): number => Buffer.byteLength(name) + Buffer.byteLength(value);
  return new Map(Object.entries(environment).map(([name, value]) => [name, bytes(name, value)]));
}

function total(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** What to do about the longest, beginning with its property. */
const FIXES: Readonly<Record<string, string>> = {
  WAYBILL_EVIDENCE:
    'evidence: name fewer authorities and witnesses, or roots with keys of elliptic curves, which are shorter',
  WAYBILL_ENVIRONMENTS: 'environments: have fewer, or shorter names',
  WAYBILL_QUEUES: 'queues: have fewer, or shorter names',
  WAYBILL_CALLBACKS: 'callbacks: name fewer, or shorter addresses',
  WAYBILL_CALLBACK_NAMES: 'callbacks: have fewer, or shorter names',
  WAYBILL_SECRETS: 'secrets: name fewer, or keep those of one purpose in one',
  WAYBILL_SECRET_NAMES: 'secrets: name fewer, or shorter',
  WAYBILL_MODEL_ARNS: 'models: name fewer',
  WAYBILL_MODEL_NAMES: 'models: name fewer',
  WAYBILL_SPENDING: 'spending: name the models that are used, or fewer environments',
  WAYBILL_ATTEST_KEYS: 'signingKeys.attest: there are too many to tell',
  WAYBILL_LOG_KEYS: 'signingKeys.log: there are too many to tell',
};
