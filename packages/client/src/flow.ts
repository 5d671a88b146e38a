/**
 * Flow v1 as its author writes it: agents, and tasks in the order in which they happen. The client compiles it to a run
 * spec before it submits, so no engine knows of flows. Only what a run spec can enforce is accepted. Everything here is
 * about one value at a time; what tasks say about each other is judged by the compiler.
 */
import * as z from 'zod';
import { FLOW_LIMITS, LIMITS } from './limits.ts';
import { API_VERSION, itemSchema, runSchema, scriptText, selectSchema } from './spec.ts';
import { condition, type WrittenCondition } from './spec-conditions.ts';
import { argv, closed, find, name, plainText, record } from './spec-fields.ts';
import { says } from './spec-issue.ts';

/** What an item may be told besides its work; a task, a group of tasks, an agent and a preset may all hold it. */
const { timeout, retry, env, environment, locks, priority, deadline, notBefore, onError } = itemSchema.shape;
const settings = { timeout, retry, env, environment, locks, priority, deadline, notBefore, onError };

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
  lens: z.enum(['gate', 'verify']).optional().describe('What a script is for; recorded with its exit code.'),
  capture: capture.optional(),
  preset: presetNames.optional(),
  ...settings,
}).meta({ oneOf: [{ required: ['run'] }, { required: ['command'] }] });

const input = z
  .union([plainText(LIMITS.argvEntryBytes), z.array(plainText(LIMITS.argvEntryBytes)).min(1).max(LIMITS.argvEntries)], {
    error: says('it is neither a text nor a list of texts', 'Write one argument, or a list of them.'),
  })
  .describe('Arguments behind those of the agent; a script sees them as `$1`, `$2` and so on.');

const need = closed({
  from: name.optional().describe('The task that makes it.'),
  oneOf: z
    .array(name)
    .min(2)
    .max(LIMITS.sourcesPerNeed)
    .optional()
    .describe('Instead of `from`: the first of these that is done, in this order.'),
  select: selectSchema,
  round: z
    .literal('previous')
    .optional()
    .describe('What it left in the round before, of the loop that both stand in. The first round goes without.'),
}).superRefine((written, context) => {
  if ((written.from === undefined) !== (written.oneOf === undefined)) return;
  const problem = written.from === undefined ? 'it names no task' : 'it has both `from` and `oneOf`';
  find(context, 'SPEC_INVALID', problem, 'Write `from: <task>`, or `oneOf: [<task>, <task>]`.');
});

export interface FlowGate {
  run: string | string[];
  capture?: ('patch' | 'outputs')[] | undefined;
  fix?: FlowTask[] | undefined;
  max?: number | undefined;
}

export interface FlowTask {
  id?: string | undefined;
  agent?: string | undefined;
  input?: string | string[] | undefined;
  sequential?: FlowTask[] | undefined;
  parallel?: FlowTask[] | undefined;
  loop?: { until?: WrittenCondition | undefined; max: number; body: FlowTask[] } | undefined;
  gate?: FlowGate | undefined;
  when?: WrittenCondition | undefined;
  needs?: Record<string, FlowNeed> | undefined;
  preset?: string | string[] | undefined;
}

export type FlowNeed = z.infer<typeof need>;

/** What a task does: exactly one of these. */
export const TASK_KINDS = ['agent', 'sequential', 'parallel', 'loop', 'gate'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

const tasks = z
  .array(z.lazy(() => taskSchema))
  .min(1)
  .max(LIMITS.items);

const taskSchema: z.ZodType<FlowTask> = closed({
  id: name.optional().describe('Of a task that runs something: an agent or a gate.'),
  agent: name.optional().describe('One of `agents`.'),
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
    .describe('A check: what follows happens only when it exits with 0.'),
  needs: record(name, need, LIMITS.needsPerItem).optional().describe('Inputs by file name under inputs/.'),
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
