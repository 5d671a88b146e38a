/**
 * Run spec v1 as its author writes it. Only what is enforced is accepted: a key that nothing acts on is refused, because
 * an author would rely on it. Everything here is about one value at a time; what items say about each other is judged by
 * the compiler.
 */
import { PLAIN_LINES } from '@waybill/verify';
import * as z from 'zod';
import { CONTROL_LIMITS, DEFAULTS, LIMITS } from './limits.ts';
import { agentBlock } from './spec-agents.ts';
import { condition } from './spec-conditions.ts';
import { egress } from './spec-egress.ts';
import {
  argv,
  closed,
  duration,
  env,
  find,
  inputName,
  itemId,
  lockName,
  name,
  plainText,
  record,
  timeout,
  withoutCredential,
} from './spec-fields.ts';
import { gate } from './spec-gate.ts';
import { blockGuards } from './spec-guards.ts';
import { says } from './spec-issue.ts';
import { usd } from './spec-money.ts';
import { forEach, need } from './spec-needs.ts';
import { declaredOutputs, shapePin } from './spec-outputs.ts';
import { capabilities, pins, values } from './spec-pins.ts';
import { resources } from './spec-resources.ts';
import { blockSecrets, judgeSecrets } from './spec-secrets.ts';
import { digest, gitSource, packedSource, readSource } from './spec-source.ts';

export const API_VERSION = 'waybill/v1';

const deadline = duration(LIMITS.minDeadlineMs, LIMITS.maxDeadlineMs);
const backoff = duration(LIMITS.minBackoffMs, LIMITS.maxBackoffMs);

export const scriptText = z
  .union([plainText(LIMITS.runBytes).min(1).superRefine(withoutCredential('the script holds')), argv], {
    error: says('it is neither a script nor a list of words', 'Write a shell script, or a program and its arguments.'),
  })
  .describe('A text is run by `/bin/sh -c`; a list is a program and its arguments.');

const script = closed({
  block: z.literal('script'),
  run: scriptText,
  lens: z.enum(['gate', 'verify']).optional().describe('What the block is for; recorded with its exit code.'),
  secrets: blockSecrets.optional(),
  timeout: timeout.optional(),
  guards: blockGuards.optional(),
});

const capture = closed({ block: z.literal('capture'), what: z.enum(['patch', 'outputs']) });

const pipeline = z
  .array(z.discriminatedUnion('block', [script, agentBlock, capture]))
  .min(1)
  .max(LIMITS.blocksPerPipeline);

const lock = z
  .union([lockName, closed({ name: lockName, mode: z.enum(['shared', 'exclusive']) })], {
    error: says('it is neither a lock name nor an object', 'Write a name, or `{ name, mode: shared | exclusive }`.'),
  })
  .describe('Held from claim to settle, across all runs of the deployment. A name alone is exclusive.');

const retry = closed({
  maxAttempts: z.int().min(1).max(LIMITS.maxAttempts).optional(),
  backoff: backoff.optional(),
  maxBackoff: backoff.optional(),
});

/** Times have 13 digits of milliseconds wherever they are sorted. */
const LATEST = '2200-01-01T00:00:00Z';

const notBefore = z.iso
  .datetime({
    offset: true,
    error: says('it is not a time', 'Write it like 2027-01-31T05:00:00Z, with its offset.'),
    abort: true,
  })
  .superRefine((text, context) => {
    const timeMs = Date.parse(text);
    if (timeMs >= 0 && timeMs < Date.parse(LATEST)) return;
    find(context, 'SPEC_LIMIT', `${text} is out of range`, `Use a time from 1970 to ${LATEST}.`);
  });

const priority = z.int().min(0).max(LIMITS.priority);

const maxUsd = usd.describe('What the models of one attempt are reckoned to cost; it reserves that.');

/** What only acts on an item that runs something. */
const OF_PIPELINES = [
  'forEach',
  'needs',
  'onError',
  'locks',
  'timeout',
  'retry',
  'env',
  'capabilities',
  'values',
  'environment',
  'effect',
  'resources',
  'egress',
  'reads',
  'priority',
  'notBefore',
  'maxUsd',
  'outputs',
  'shape',
] as const;

export const itemSchema = closed({
  id: itemId,
  pipeline: pipeline.optional(),
  gate: gate
    .optional()
    .describe('Instead of a pipeline: it waits until people have decided, and holds nothing meanwhile.'),
  forEach: forEach
    .optional()
    .describe('It becomes as many items as another leaves outputs, each with its pipeline and one of them.'),
  needs: record(inputName, need, LIMITS.needsPerItem).optional().describe('Inputs by file name under inputs/.'),
  dependsOn: z.array(itemId).max(LIMITS.items).optional(),
  when: condition
    .optional()
    .describe('Asked once all dependencies have ended: if it does not hold, the item is left out.'),
  onError: z
    .enum(['stop', 'continue'])
    .optional()
    .describe('`continue`: when it fails, those that only wait for it go on, and the run is not failed for it.'),
  locks: z.array(lock).max(LIMITS.locksPerItem).optional(),
  timeout: timeout.optional().describe('Wall clock of one attempt.'),
  retry: retry.optional(),
  env: env.optional(),
  capabilities: capabilities
    .optional()
    .describe('Registered folders that its blocks find, in the order in which they are laid over each other.'),
  values: values.optional().describe('Registered sets of variables; a later one wins, and `env` wins over all.'),
  environment: name.optional().describe('A toolchain of the deployment.'),
  reads: record(inputName, readSource, LIMITS.needsPerItem)
    .optional()
    .describe('Files from outside of the run by file name under inputs/, as they are when it is submitted.'),
  effect: z
    .enum(['pure', 'read', 'write'])
    .optional()
    .describe(
      '`pure`: its result depends on nothing but its pipeline, env, environment, source and inputs, and may be used again. `read`, the default: it runs each time. `write`: it may leave intents, which are judged.',
    ),
  resources: resources.optional(),
  egress: egress.optional(),
  priority: priority.optional().describe('Each point is a head start of 36 seconds in the queue.'),
  deadline: deadline.optional().describe('From the opening of the run.'),
  notBefore: notBefore.optional().describe('It is not started before this time, whatever else is ready.'),
  maxUsd: maxUsd.optional(),
  outputs: declaredOutputs.optional(),
  shape: shapePin.optional(),
}).superRefine((item, context) => {
  if ((item.pipeline === undefined) === (item.gate === undefined)) {
    const problem = item.gate === undefined ? 'the item does nothing' : 'the item has a pipeline and a gate';
    find(context, 'SPEC_INVALID', problem, 'Give it a `pipeline`, or a `gate`.', ['pipeline']);
  }
  for (const key of item.gate === undefined ? [] : OF_PIPELINES) {
    if (item[key] === undefined) continue;
    find(context, 'SPEC_INVALID', `nothing acts on the ${key} of a gate`, 'Remove it.', [key]);
  }
  const { as = DEFAULTS.branchKey } = item.forEach ?? {};
  for (const key of ['needs', 'reads'] as const) {
    if (item.forEach === undefined || item[key]?.[as] === undefined) continue;
    find(context, 'SPEC_INVALID', `the input ${as} is that of \`forEach\``, 'Use another key.', [key, as]);
  }
  judgeSecrets(item, context);
});

const label = z
  .string()
  .max(LIMITS.labelValueChars)
  .refine((text) => !/\p{Cc}/u.test(text), {
    error: says('it holds control characters', 'Use one line of plain text.'),
  })
  .superRefine(withoutCredential('the label holds'));

const reuse = z.literal('off').describe('Pure items run, whatever results there are to use again.');

const defaults = closed({
  timeout: timeout.optional(),
  retry: retry.optional(),
  env: env.optional(),
  capabilities: capabilities.optional(),
  values: values.optional(),
  environment: name.optional(),
  resources: resources.optional(),
  priority: priority.optional(),
  maxUsd: maxUsd.optional(),
});

export const runSchema = closed({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Run'),
  metadata: closed({ name, labels: record(name, label, LIMITS.labels).optional() }),
  spec: closed({
    queue: name.optional(),
    notBefore: notBefore.optional().describe('No item is started before this time. Deadlines count all the same.'),
    source: z
      .union([gitSource, packedSource], {
        error: says('it is not a source', 'Write `{ git: { url, ref } }`, or leave it out for an empty workspace.'),
      })
      .optional()
      .describe('The tree that every item starts from. The client packs `git` into a bundle before it submits.'),
    reuse: reuse.optional(),
    callback: name.optional().describe('Who is told when the run has ended: a name that the deployment gives.'),
    caps: closed({
      wallClock: deadline.optional(),
      items: z.int().min(1).max(LIMITS.items).optional(),
      usd: usd.optional().describe('What all attempts together may cost.'),
    }).optional(),
    defaults: defaults.optional(),
    pins: pins
      .optional()
      .describe('What the names of capabilities and values mean in this run; the client fills it in.'),
    openEnded: z
      .boolean()
      .optional()
      .describe('Items may be added while it goes on, up to `caps.items`; it ends when somebody has closed it.'),
    items: z.array(itemSchema).min(1).max(LIMITS.items),
  }),
});

const runId = z.string().regex(/^[0-9a-f]{32}$/, {
  error: says('it is not a run id', 'Write 32 hex digits, as `waybill runs` shows them.'),
});
const control = { apiVersion: z.literal(API_VERSION), kind: z.literal('Control') };

/** What a principal asks of a run that is there. */
const cancelSchema = closed({
  ...control,
  spec: closed({
    verb: z.literal('cancel'),
    run: runId,
    item: itemId.optional(),
  }),
});

const pauseSchema = closed({ ...control, spec: closed({ verb: z.enum(['pause', 'resume']), run: runId }) });

const closeSchema = closed({ ...control, spec: closed({ verb: z.literal('close'), run: runId }) });

/** Items for a run that is open-ended. What they take from that run, these say better, key by key. */
const addition = {
  notBefore: notBefore.optional().describe('None of these items is started before this time.'),
  reuse: reuse.optional(),
  defaults: defaults.optional(),
  pins: pins
    .optional()
    .describe('What names of capabilities and values mean that the run does not know yet; the client fills it in.'),
  items: z.array(itemSchema).min(1).max(LIMITS.itemsPerExtension),
};

/** A file of them, as its author writes it. */
export const extensionSchema = closed({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Extension'),
  spec: closed(addition),
});

const extendSchema = closed({ ...control, spec: closed({ verb: z.literal('extend'), run: runId, ...addition }) });

const steerItemSchema = closed({
  ...control,
  spec: closed({ verb: z.enum(['requeue', 'retry', 'skip']), run: runId, item: itemId }),
});

const verdictSchema = closed({
  ...control,
  spec: closed({ verb: z.enum(['approve', 'reject']), run: runId, item: itemId, reviewed: digest.optional() }),
});

const answerSchema = closed({
  ...control,
  spec: closed({
    verb: z.literal('answer'),
    run: runId,
    item: itemId,
    text: z
      .string()
      .max(CONTROL_LIMITS.answerChars)
      .regex(PLAIN_LINES, { error: says('it is not plain text', 'Write lines of text, without control characters.') }),
    question: digest.optional(),
  }),
});

const reason = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, {
  error: says('it is not a reason code', 'Write a short snake_case word, such as `segment_damaged`.'),
});

const abortSchema = closed({ ...control, spec: closed({ verb: z.literal('abort'), run: runId, reason }) });

const scheduleVerbSchema = closed({
  ...control,
  spec: closed({ verb: z.literal('schedule'), do: z.enum(['pause', 'resume', 'trigger', 'rm']), schedule: name }),
});

export type RunSpec = z.infer<typeof runSchema>;
export type ItemSpec = z.infer<typeof itemSchema>;
type Cancel = z.infer<typeof cancelSchema>;
export type Addition = z.infer<typeof extensionSchema>['spec'];
export type ScheduleVerb = z.infer<typeof scheduleVerbSchema>['spec'];
/** What may be asked of a run. */
export type RunVerb = (
  | Cancel
  | z.infer<typeof abortSchema>
  | z.infer<typeof answerSchema>
  | z.infer<typeof verdictSchema>
  | z.infer<typeof closeSchema>
  | z.infer<typeof extendSchema>
  | z.infer<typeof pauseSchema>
  | z.infer<typeof steerItemSchema>
)['spec'];
export type ControlSpec = Omit<Cancel, 'spec'> & { spec: RunVerb | ScheduleVerb };

/** The schema of a control object by its verb. */
const CONTROL_SCHEMAS = new Map<unknown, z.ZodType<ControlSpec>>([
  ['abort', abortSchema],
  ['answer', answerSchema],
  ['approve', verdictSchema],
  ['cancel', cancelSchema],
  ['close', closeSchema],
  ['extend', extendSchema],
  ['pause', pauseSchema],
  ['reject', verdictSchema],
  ['requeue', steerItemSchema],
  ['resume', pauseSchema],
  ['retry', steerItemSchema],
  ['schedule', scheduleVerbSchema],
  ['skip', steerItemSchema],
]);

/** What any verb may have, so that of an unknown one the verb alone is refused, with a list of all. */
const someControlSchema = closed({
  ...control,
  spec: closed({
    verb: z.enum([...CONTROL_SCHEMAS.keys()].map(String)),
    run: runId,
    item: name.optional(),
    reason: reason.optional(),
  }),
});

export function controlSchema(verb: unknown): z.ZodType<ControlSpec> {
  return CONTROL_SCHEMAS.get(verb) ?? (someControlSchema as unknown as z.ZodType<ControlSpec>);
}
