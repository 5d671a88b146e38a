/**
 * Flow v1 as its author writes it: agents, and tasks in the order in which they happen. The client compiles it to a run
 * spec before it submits, so no engine knows of flows. Only what a run spec can enforce is accepted. Everything here is
 * about one value at a time; what tasks say about each other is judged by the compiler.
 */
import * as z from 'zod';
import { FLOW_LIMITS, LIMITS } from './limits.ts';
import { API_VERSION, type ItemSpec, itemSchema, runSchema, scriptText } from './spec.ts';
import { PROMPTED_FIELDS } from './spec-agents.ts';
import { condition, type WrittenCondition } from './spec-conditions.ts';
import { argv, closed, find, inputName, name, plainText, record } from './spec-fields.ts';
import { gate as peopleGate } from './spec-gate.ts';
import { modelGuards } from './spec-guards.ts';
import { says } from './spec-issue.ts';
import { forEach, selectSchema } from './spec-needs.ts';

/** What an item may be told besides its work; a task, a group of tasks, an agent and a preset may all hold it. */
const {
  timeout,
  retry,
  env,
  capabilities,
  values,
  environment,
  resources,
  egress,
  locks,
  effect,
  priority,
  deadline,
  notBefore,
  onError,
  maxUsd,
} = itemSchema.shape;
const about = { timeout, retry, env, capabilities, values, environment, resources, egress, locks, effect, priority };
const settings = { ...about, deadline, notBefore, onError, maxUsd };

export const SETTING_KEYS: readonly string[] = Object.keys(settings);

const presetNames = z
  .union([name, z.array(name).min(1).max(FLOW_LIMITS.presetsPerTask)], {
    error: says('it is neither a name nor a list of names', 'Write the name of a preset, or a list of them.'),
  })
  .describe('Presets that it starts from; later ones win, and what stands beside wins over all of them.');

const capture = z
  .array(z.enum(['patch', 'outputs']))
  .min(1)
  .max(2)
  .describe('What is handed on when it has succeeded.');

const agentSchema = closed({
  run: scriptText.optional(),
  command: argv.optional().describe('A program and its first arguments, run as an agent: it needs the sandbox.'),
  ...PROMPTED_FIELDS,
  adapter: PROMPTED_FIELDS.adapter.optional().describe('An agent that is given a prompt.'),
  model: PROMPTED_FIELDS.model.optional(),
  guards: modelGuards.optional(),
  lens: z.enum(['gate', 'verify']).optional().describe('What a script is for; recorded with its exit code.'),
  capture: capture.optional(),
  preset: presetNames.optional(),
  ...settings,
}).meta({ oneOf: [{ required: ['run'] }, { required: ['command'] }, { required: ['adapter', 'model'] }] });

const input = z
  .union([plainText(LIMITS.argvEntryBytes), z.array(plainText(LIMITS.argvEntryBytes)).min(1).max(LIMITS.argvEntries)], {
    error: says('it is neither a text nor a list of texts', 'Write one argument, or a list of them.'),
  })
  .describe(
    'Arguments behind those of the agent; a script sees them as `$1`, `$2` and so on. Of one with a prompt: the rest of it.',
  );

const need = closed({
  from: name.optional().describe('The task that makes it.'),
  oneOf: z
    .array(name)
    .min(2)
    .max(LIMITS.sourcesPerNeed)
    .optional()
    .describe('Instead of `from`: the first of these that is done, in this order.'),
  each: name
    .optional()
    .describe(
      'Instead of `from`: a task with `forEach`. What it becomes gives one input each: `<key>.001`, `<key>.002`.',
    ),
  select: selectSchema,
  round: z
    .literal('previous')
    .optional()
    .describe('What it left in the round before, of the loop that both stand in. The first round goes without.'),
}).superRefine((written, context) => {
  const named = (['from', 'oneOf', 'each'] as const).filter((key) => written[key] !== undefined);
  if (named.length === 1) return;
  const problem = named.length === 0 ? 'it names no task' : `it has ${named.map((key) => `\`${key}\``).join(' and ')}`;
  const fix = 'Write `from: <task>`, `oneOf: [<task>, <task>]`, or `each: <task with forEach>`.';
  find(context, 'SPEC_INVALID', problem, fix);
});

export interface FlowGate {
  run: string | string[];
  capture?: ('patch' | 'outputs')[] | undefined;
  fix?: FlowTask[] | undefined;
  max?: number | undefined;
}

export type FlowApproval = z.infer<typeof peopleGate>;

export interface FlowTask {
  id?: string | undefined;
  agent?: string | undefined;
  input?: string | string[] | undefined;
  sequential?: FlowTask[] | undefined;
  parallel?: FlowTask[] | undefined;
  loop?: { until?: WrittenCondition | undefined; max: number; body: FlowTask[] } | undefined;
  gate?: FlowGate | undefined;
  approval?: FlowApproval | undefined;
  uses?: string | undefined;
  with?: Record<string, unknown> | undefined;
  when?: WrittenCondition | undefined;
  needs?: Record<string, FlowNeed> | undefined;
  reads?: ItemSpec['reads'];
  forEach?: ItemSpec['forEach'];
  preset?: string | string[] | undefined;
}

export type FlowNeed = z.infer<typeof need>;

/** What a task does: exactly one of these. */
export const TASK_KINDS = ['agent', 'uses', 'sequential', 'parallel', 'loop', 'gate', 'approval'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/** Resolved by the client: an engine never sees them. */
export const useFields = {
  uses: z.string().max(LIMITS.outputPathChars).optional().describe('Instead of a pipeline: `<pack>/<shape>`.'),
  with: z.record(z.string(), z.unknown()).optional().describe('Parameters of the shape.'),
};

const tasks = z
  .array(z.lazy(() => taskSchema))
  .min(1)
  .max(LIMITS.items);

const taskSchema: z.ZodType<FlowTask> = closed({
  id: name.optional().describe('Of a task that does something itself: an agent, a shape, a gate or an approval.'),
  agent: name.optional().describe('One of `agents`.'),
  ...useFields,
  input: input.optional(),
  sequential: tasks.optional().describe('One after the other.'),
  parallel: tasks.optional().describe('Side by side, as far as their needs allow.'),
  loop: closed({
    until: condition
      .optional()
      .describe('Asked of the body at the end of each round: when it holds, no other follows.'),
    max: z.int().min(1).max(FLOW_LIMITS.loopRounds),
    body: tasks,
  })
    .optional()
    .describe('The body again and again: at most `max` rounds.'),
  gate: closed({
    run: scriptText,
    capture: capture.optional(),
    fix: tasks.optional().describe('What happens when it is red; then it is checked again.'),
    max: z.int().min(1).max(FLOW_LIMITS.loopRounds).optional().describe('How often it may be mended.'),
  })
    .optional()
    .describe('A check: what follows happens only when it exits with 0, or when its `when` does not hold.'),
  approval: peopleGate.optional().describe('People decide: what follows happens only when enough of them approve.'),
  needs: record(inputName, need, LIMITS.needsPerItem).optional().describe('Inputs by file name under inputs/.'),
  reads: itemSchema.shape.reads,
  forEach: forEach
    .extend({ from: name.describe('The task whose outputs it is done for.') })
    .optional()
    .describe('Of an agent: it happens once for each output that another task has left under a folder.'),
  when: condition.optional().describe('If it does not hold, the task is left out; of a group, all of it.'),
  preset: presetNames.optional(),
  ...settings,
}).meta({ id: 'task', oneOf: TASK_KINDS.map((kind) => ({ required: [kind] })) });

const include = z
  .array(z.string().max(FLOW_LIMITS.includePathChars))
  .max(FLOW_LIMITS.includes)
  .optional()
  .describe('Flow parts, relative to this file and below its directory; later ones win, and this file wins over all.');

const shared = {
  include,
  presets: record(name, closed(settings), FLOW_LIMITS.namedEntries).optional(),
  agents: record(name, agentSchema, FLOW_LIMITS.namedEntries).optional(),
};

export const flowSchema = closed({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Flow'),
  metadata: runSchema.shape.metadata,
  spec: runSchema.shape.spec.omit({ items: true }).optional().describe('As in a run spec, without its items.'),
  ...shared,
  tasks: tasks.describe('One after the other.'),
});

/** A file that flows include. */
export const flowPartSchema = closed({ apiVersion: z.literal(API_VERSION), kind: z.literal('FlowPart'), ...shared });

export type Flow = z.infer<typeof flowSchema>;
export type FlowAgent = z.infer<typeof agentSchema>;
