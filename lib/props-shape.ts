/** Names and kinds of the properties: apps in JavaScript and files have no compiler that holds them to `WaybillProps`. */
import { z } from 'zod';
import { isNot } from './props-error.ts';
import type { WaybillProps } from './waybill-props.ts';

const text = z.string();
const texts = z.array(text);
const count = z.number();

/** An object that tells, of a key that it does not have, those that it has. */
function closed<T extends z.ZodRawShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? `is no property; there are ${known}` : undefined),
  });
}

/** Something of the CDK, of which no more is asked here. */
const construct = z.custom((value) => typeof value === 'object' && value !== null);

const secret = z.union([text, closed({ arn: text, key: text.optional() })], {
  error: () => 'an ARN, or an object with `arn` and `key`',
});

const SHAPE = closed({
  env: closed({ account: text, region: text }),
  availabilityZones: texts.optional(),
  name: text.optional(),
  origin: text,
  mode: z.enum(['production', 'test']).optional(),
  retention: closed({ mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), days: count }),
  wrapperImage: text,
  workerDigest: text,
  environments: z.record(
    text,
    closed({
      image: text,
      cpu: count.optional(),
      memoryMiB: count.optional(),
      ephemeralStorageGiB: count.optional(),
    }),
  ),
  queues: z
    .record(
      text,
      closed({
        concurrency: count,
        rate: closed({ starts: count, perSeconds: count }).optional(),
        state: z.enum(['open', 'paused', 'draining']).optional(),
      }),
    )
    .optional(),
  // Judged as a whole, by what the functions read it with.
  spending: z.looseObject({}).optional(),
  secrets: z.record(text, secret).optional(),
  callbacks: z.record(text, closed({ url: text, secret })).optional(),
  models: z.record(text, texts).optional(),
  // What is in a key is judged with the file, by those who verify with it.
  pinnedKeys: closed({
    format: text,
    origin: text,
    keys: z.array(z.looseObject({ use: text, spki: text })),
  }).optional(),
  signingKeys: closed({ attest: count, log: count }).optional(),
  s3PrefixListId: text,
  network: closed({
    vpc: construct,
    subnets: construct.optional(),
    endpointSecurityGroups: texts.optional(),
    reachWholeVpc: z.literal(true).optional(),
  }).optional(),
  permissionsBoundary: text.optional(),
  auditorPrincipals: texts.optional(),
  legalHoldPrincipals: texts.optional(),
  alarmEmail: text,
  monthlyBudgetUsd: count,
  evidence: z.looseObject({}).optional(),
  logDays: count.optional(),
  tags: z.record(text, text).optional(),
} satisfies Record<keyof WaybillProps, z.ZodType>);

export interface ShapeProblem {
  /** Which property of the top it is about; the empty text for all of them. */
  readonly property: string;
  readonly text: string;
}

/** @param props whatever somebody passed */
export function shapeProblems(props: unknown): ShapeProblem[] {
  const parsed = SHAPE.safeParse(props);
  return (parsed.error?.issues ?? []).flatMap((issue) => problemsOf(issue, props));
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function problemsOf(issue: z.core.$ZodIssue, props: unknown): ShapeProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { property: String(path[0]), text: `${pathOf(path)}: ${issue.message}` };
    });
  }
  const { path } = issue;
  const value = path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown>)[key], props);
  return [{ property: String(path[0] ?? ''), text: isNot(pathOf(path), value, wantedBy(issue)) }];
}

function wantedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map((one) => JSON.stringify(one)).join(' or ');
  return 'an object of the CDK';
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the properties';
  return path.map((key, n) => (typeof key === 'number' ? `[${key}]` : `${n === 0 ? '' : '.'}${String(key)}`)).join('');
}
