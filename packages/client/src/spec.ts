/**
 * Run spec v1 as its author writes it. Only what is enforced is accepted: a key that nothing acts on is refused, because
 * an author would rely on it. Everything here is about one value at a time; what items say about each other is judged by
 * the compiler.
 */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { isPlainRef, readSourceUrl } from './source-url.ts';
import { condition, outputPath } from './spec-conditions.ts';
import { argv, closed, duration, env, find, itemId, lockName, name, plainText, record } from './spec-fields.ts';
import { gate } from './spec-gate.ts';
import { says } from './spec-issue.ts';

export const API_VERSION = 'waybill/v1';

const timeout = duration(LIMITS.minTimeoutMs, LIMITS.maxTimeoutMs);
const deadline = duration(LIMITS.minDeadlineMs, LIMITS.maxDeadlineMs);
const backoff = duration(LIMITS.minBackoffMs, LIMITS.maxBackoffMs);

export const scriptText = z
  .union([plainText(LIMITS.runBytes).min(1), argv], {
    error: says('it is neither a script nor a list of words', 'Write a shell script, or a program and its arguments.'),
  })
  .describe('A text is run by `/bin/sh -c`; a list is a program and its arguments.');

const script = closed({
  block: z.literal('script'),
  run: scriptText,
  lens: z.enum(['gate', 'verify']).optional().describe('What the block is for; recorded with its exit code.'),
  timeout: timeout.optional(),
});

const agent = closed({
  block: z.literal('agent'),
  adapter: z.literal('command'),
  command: argv,
  timeout: timeout.optional(),
});

const capture = closed({ block: z.literal('capture'), what: z.enum(['patch', 'outputs']) });

const pipeline = z
  .array(z.discriminatedUnion('block', [script, agent, capture]))
  .min(1)
  .max(LIMITS.blocksPerPipeline);

export const selectSchema = z
  .union([z.literal('patch'), closed({ output: outputPath })], {
    error: says('it is neither `patch` nor an output', 'Write `patch`, or `{ output: <path under outputs/> }`.'),
  })
  .describe('The captured patch, or one captured output.');

const need = closed({
  from: itemId.optional().describe('The item that makes it; it becomes a dependency.'),
  oneOf: z
    .array(itemId)
    .min(2)
    .max(LIMITS.sourcesPerNeed)
    .optional()
    .describe('Instead of `from`: the first of these that is done, in this order. All of them are waited for.'),
  select: selectSchema,
  onError: z.literal('stop').optional().describe('A failure of one skips the item.'),
}).superRefine(({ from, oneOf, onError }, context) => {
  const isChoice = oneOf !== undefined;
  if ((from === undefined) === isChoice && (isChoice || onError === undefined)) return;
  const fix = 'Write `from: <item>`, or `oneOf: [<item>, <item>]`.';
  find(context, 'SPEC_INVALID', 'it is neither an item nor a list', fix);
});

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

/** What only acts on an item that runs something. */
const OF_PIPELINES = [
  'needs',
  'onError',
  'locks',
  'timeout',
  'retry',
  'env',
  'environment',
  'priority',
  'notBefore',
] as const;

export const itemSchema = closed({
  id: itemId,
  pipeline: pipeline.optional(),
  gate: gate
    .optional()
    .describe('Instead of a pipeline: it waits until people have decided, and holds nothing meanwhile.'),
  needs: record(name, need, LIMITS.needsPerItem).optional().describe('Inputs by file name under inputs/.'),
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
  environment: name.optional().describe('A toolchain of the deployment.'),
  priority: priority.optional().describe('Each point is a head start of 36 seconds in the queue.'),
  deadline: deadline.optional().describe('From the opening of the run.'),
  notBefore: notBefore.optional().describe('It is not started before this time, whatever else is ready.'),
}).superRefine((item, context) => {
  if ((item.pipeline === undefined) === (item.gate === undefined)) {
    const problem = item.gate === undefined ? 'the item does nothing' : 'the item has a pipeline and a gate';
    find(context, 'SPEC_INVALID', problem, 'Give it a `pipeline`, or a `gate`.', ['pipeline']);
  }
  for (const key of item.gate === undefined ? [] : OF_PIPELINES) {
    if (item[key] === undefined) continue;
    find(context, 'SPEC_INVALID', `nothing acts on the ${key} of a gate`, 'Remove it.', [key]);
  }
});

const gitSource = closed({
  git: closed({
    url: z
      .string()
      .max(LIMITS.sourceUrlChars, { abort: true })
      .superRefine((text, context) => {
        const read = readSourceUrl(text);
        if (read.kind !== 'refused') return;
        find(context, read.credential ? 'SPEC_CREDENTIAL' : 'SOURCE_INVALID', read.problem, read.fix);
      }),
    ref: z
      .string()
      .max(LIMITS.sourceRefChars, { abort: true })
      .superRefine((text, context) => {
        if (isPlainRef(text)) return;
        find(context, 'SOURCE_INVALID', 'the ref is not a plain name', 'Name a branch, a tag or a whole commit id.');
      })
      .optional(),
  }),
});

const packedSource = closed({
  bundle: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, { error: says('it is not a digest', 'Write `sha256:` and 64 hex digits.') }),
  commit: z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, { error: says('it is not a commit id', 'Write the whole id.') }),
  sizeBytes: z.int().min(1).max(LIMITS.sourceBytes),
});

const label = z
  .string()
  .max(LIMITS.labelValueChars)
  .refine((text) => !/\p{Cc}/u.test(text), {
    error: says('it holds control characters', 'Use one line of plain text.'),
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
    caps: closed({ wallClock: deadline.optional(), items: z.int().min(1).max(LIMITS.items).optional() }).optional(),
    defaults: closed({
      timeout: timeout.optional(),
      retry: retry.optional(),
      env: env.optional(),
      environment: name.optional(),
      priority: priority.optional(),
    }).optional(),
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

const steerItemSchema = closed({
  ...control,
  spec: closed({ verb: z.enum(['approve', 'reject', 'retry', 'skip']), run: runId, item: itemId }),
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
export type ScheduleVerb = z.infer<typeof scheduleVerbSchema>['spec'];
/** What may be asked of a run. */
export type RunVerb = (
  | Cancel
  | z.infer<typeof abortSchema>
  | z.infer<typeof pauseSchema>
  | z.infer<typeof steerItemSchema>
)['spec'];
export type ControlSpec = Omit<Cancel, 'spec'> & { spec: RunVerb | ScheduleVerb };

/** The schema of a control object by its verb. */
const CONTROL_SCHEMAS = new Map<unknown, z.ZodType<ControlSpec>>([
  ['abort', abortSchema],
  ['approve', steerItemSchema],
  ['cancel', cancelSchema],
  ['pause', pauseSchema],
  ['reject', steerItemSchema],
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
