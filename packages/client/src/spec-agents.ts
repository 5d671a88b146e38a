/** The agents that a block may run: any program, or one that is given a prompt and whose answers are understood. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { outputPath } from './spec-conditions.ts';
import { argv, closed, find, plainText, relativePath, timeout, withoutCredential } from './spec-fields.ts';
import { blockGuards, callGuards, modelGuards } from './spec-guards.ts';
import { quote, says } from './spec-issue.ts';
import { blockSecrets } from './spec-secrets.ts';

/** What a model of Bedrock may do, in a loop of the worker's own. */
const MODEL_TOOLS = ['ask', 'list', 'read', 'run', 'write'] as const;

/** Inclusive. */
const AGENT_LIMITS = { programBytes: 1_024, turns: 1_000, tools: 64 } as const;

const prompt = plainText(LIMITS.runBytes)
  .min(1)
  .superRefine(withoutCredential('the prompt holds'))
  .describe('What the agent is told; `{{text <input>}}` is the text of a file under inputs/.');

const promptFile = relativePath('no file of the workspace', 'Write a relative path.').describe(
  'A file of the workspace that holds a prompt; `prompt` follows it.',
);

const word = (what: string, pattern: RegExp): z.ZodString =>
  z.string().regex(pattern, {
    error: (issue) => says(`${quote(String(issue.input))} is not ${what}`, 'Use what the agent itself takes there.'),
  });

/** Not to be taken for an option, where it stands in a command line. */
const toolRule = word('a rule for tools', /^[A-Za-z][^\p{Cc}]{0,255}$/u);

const fields = {
  adapter: z.enum(['claude-code', 'codex', 'bedrock']),
  model: word('a model', /^[A-Za-z0-9][!-~]{0,127}$/).describe('The only model that it may ask.'),
  prompt: prompt.optional(),
  promptFile: promptFile.optional(),
  reply: outputPath.optional().describe('Where its last message is written, under outputs/.'),
  program: plainText(AGENT_LIMITS.programBytes)
    .regex(/^[^-]/, { error: says('it is no program', 'Write its name, or its path.') })
    .optional()
    .describe('The command line tool, when it is not found by its name.'),
  maxTurns: z.int().min(1).max(AGENT_LIMITS.turns).optional().describe('It is ended after so many answers.'),
  tools: z.array(toolRule).min(1).max(AGENT_LIMITS.tools).optional().describe('All that it may use.'),
  sandbox: z.enum(['read-only', 'workspace-write', 'danger-full-access']).optional().describe('As Codex takes it.'),
  secrets: blockSecrets.optional(),
};

/** What an agent with a prompt may be told, whichever it is. */
export const PROMPTED_FIELDS = fields;

function prompted<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const { model, prompt: text, promptFile: file, reply, secrets } = fields;
  const all = {
    block: z.literal('agent'),
    ...shape,
    model,
    prompt: text,
    promptFile: file,
    reply,
    secrets,
    timeout: timeout.optional(),
  };
  return closed(all).superRefine((block, context) => {
    const { prompt: said, promptFile: kept } = block as { prompt?: string; promptFile?: string };
    if (said !== undefined || kept !== undefined) return;
    find(context, 'SPEC_INVALID', 'the agent is told nothing', 'Write a `prompt`, or name a `promptFile`.', ['prompt']);
  });
}

const { program, maxTurns, tools, sandbox } = fields;

export const agentBlock = z.discriminatedUnion('adapter', [
  closed({
    block: z.literal('agent'),
    adapter: z.literal('command'),
    command: argv,
    secrets: blockSecrets.optional(),
    timeout: timeout.optional(),
    guards: blockGuards.optional(),
  }),
  prompted({ adapter: z.literal('claude-code'), program, maxTurns, tools, guards: callGuards.optional() }),
  prompted({ adapter: z.literal('codex'), program, sandbox, guards: callGuards.optional() }),
  prompted({
    adapter: z.literal('bedrock'),
    maxTurns,
    tools: z.array(z.enum(MODEL_TOOLS)).min(1).max(MODEL_TOOLS.length).optional(),
    guards: modelGuards.optional(),
  }),
]);
