/** What a task runs: the agent that it names, with presets, groups and the task itself merged over it. */
import type { Refusal } from './errors.ts';
import { type FlowAgent, type FlowTask, SETTING_KEYS } from './flow.ts';
import { testsOf } from './flow-conditions.ts';
import { forEachOf } from './flow-growth.ts';
import { type FlowTasks, lineage } from './flow-links.ts';
import { type FlowParts, mergeByKey, pathIn, presetProblems, unknownName } from './flow-parts.ts';
import { type FlowNode, type FlowTree, isObject, needsOf } from './flow-tree.ts';
import { PROMPT_FIX, readPrompt } from './prompt-template.ts';
import type { ItemSpec } from './spec.ts';
import { agentBlock, PROMPTED_FIELDS } from './spec-agents.ts';
import { blockGuards } from './spec-guards.ts';
import { formatPath, quote, refusalsOf } from './spec-issue.ts';

type Pipeline = NonNullable<ItemSpec['pipeline']>;

/** Of an item: everything but who it is and what it waits for. */
export type Work = Omit<ItemSpec, 'id' | 'dependsOn' | 'needs' | 'reads' | 'forEach' | 'when'>;

const SHELL = ['/bin/sh', '-c'];

/** What an agent runs: exactly one of these. */
const KINDS = ['run', 'command', 'adapter'] as const;
const PROMPTED_KEYS: readonly string[] = Object.keys(PROMPTED_FIELDS);

/** Agents and presets that tasks name and nothing defines, and agents that are not one program. */
export function agentProblems(tree: FlowTree, parts: FlowParts, hasSource: boolean): Refusal[] {
  const used = new Set(tree.nodes.map(({ task }): unknown => task.agent));
  const defined = Object.entries(parts.agents).flatMap(([name, agent]) => {
    const path = pathIn(parts.homeOf('agents', name), ['agents', name]);
    const { adapter, prompt } = agent as Record<string, unknown>;
    const isTold = used.has(name) && adapter !== undefined && typeof prompt === 'string';
    return [...definitionProblem(agent, path), ...(isTold ? templateProblem(prompt, `${path}.prompt`) : [])];
  });
  const named = tree.nodes.flatMap(({ path, kind, task }) => [
    ...presetProblems(task.preset, path, parts.presets),
    ...(kind === 'agent' ? useProblems(task, path, parts, hasSource) : []),
    ...(kind === 'check' ? patchProblem(task.gate?.capture, [...path, 'gate', 'capture'], hasSource) : []),
  ]);
  return [...defined, ...named];
}

function definitionProblem(agent: Record<string, unknown>, path: string): Refusal[] {
  const say = (problem: string, fix: string, at = path): Refusal[] => [
    { code: 'SPEC_INVALID', path: at, problem, fix },
  ];
  const kinds = KINDS.filter((kind) => agent[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const both = kinds.map((one) => `\`${one}\``).join(' and ');
    const problem = kind === undefined ? 'the agent says nothing of what it runs' : `the agent has both ${both}`;
    return say(problem, 'Write `run: <script>`, `command: [<program>, <argument>]`, or an `adapter`.');
  }
  if (kind !== 'run' && agent.lens !== undefined) return say('only a script has a lens', 'Remove it.', `${path}.lens`);
  return [...guardProblems(agent, path), ...promptedProblems(agent, path)];
}

/** Of a program nobody sees the calls. */
function guardProblems({ adapter, guards }: Record<string, unknown>, path: string): Refusal[] {
  if (adapter !== undefined || !isObject(guards)) return [];
  const parsed = blockGuards.safeParse(guards, { reportInput: true });
  if (parsed.success) return [];
  return refusalsOf(parsed.error.issues).map((refusal) => ({ ...refusal, path: `${path}.guards.${refusal.path}` }));
}

function useProblems(
  task: FlowTask,
  path: readonly PropertyKey[],
  { agents }: FlowParts,
  hasSource: boolean,
): Refusal[] {
  const name: unknown = task.agent;
  if (typeof name !== 'string') return [];
  const at = [...path, 'agent'];
  if (!Object.hasOwn(agents, name)) return [unknownName(formatPath(at), 'agent', name, Object.keys(agents))];
  return [...patchProblem(agents[name]?.capture, at, hasSource), ...silenceProblem(agents[name], task.input, path)];
}

/** What an agent with a prompt may be told, as a run spec has it; what of the prompt stands at its tasks is theirs. */
function promptedProblems(agent: Record<string, unknown>, path: string): Refusal[] {
  const own = Object.entries(agent).filter(([key]) => PROMPTED_KEYS.includes(key));
  if (agent.adapter === undefined) {
    return own.map(([key]) => {
      const problem = 'only an agent with an adapter is told that';
      return { code: 'SPEC_INVALID', path: `${path}.${key}`, problem, fix: 'Add an `adapter`, or remove it.' };
    });
  }
  const block = { block: 'agent', prompt: 'of its tasks', ...Object.fromEntries(own), ...guardsOf(agent) };
  const parsed = agentBlock.safeParse(block, { reportInput: true });
  if (parsed.success) return [];
  return refusalsOf(parsed.error.issues).map((refusal) => ({ ...refusal, path: `${path}.${refusal.path}` }));
}

export function templateProblem(text: string, path: string): Refusal[] {
  const read = readPrompt(text);
  return read.ok ? [] : [{ code: 'SPEC_INVALID', path, problem: read.problem, fix: PROMPT_FIX }];
}

function silenceProblem(
  agent: Record<string, unknown> | undefined,
  input: unknown,
  path: readonly PropertyKey[],
): Refusal[] {
  if (agent?.adapter === undefined) return [];
  if ([agent.prompt, agent.promptFile, input].some((said) => said !== undefined)) return [];
  const fix = 'Write an `input`, or give the agent a `prompt` or a `promptFile`.';
  return [{ code: 'SPEC_INVALID', path: formatPath([...path, 'input']), problem: 'the agent is told nothing', fix }];
}

function patchProblem(capture: unknown, path: readonly PropertyKey[], hasSource: boolean): Refusal[] {
  if (hasSource || !Array.isArray(capture) || !capture.includes('patch')) return [];
  const problem = 'a patch is captured, and it needs a source to differ from';
  return [{ code: 'SPEC_INVALID', path: formatPath(path), problem, fix: 'Add `spec.source.git`, or capture outputs.' }];
}

/** What is taken, or asked for a value, must be captured where it is made. */
export function captureProblems(tree: FlowTree, tasks: FlowTasks, parts: FlowParts): Refusal[] {
  const wanted = tree.nodes.flatMap((node) => [
    ...needsOf(node).flatMap(({ key, need, from }) =>
      from.map(({ id }) => ({
        id,
        what: need.select === 'patch' ? ('patch' as const) : ('outputs' as const),
        path: [...node.path, 'needs', key, 'select'],
      })),
    ),
    ...forEachOf(node).map(({ id, path }) => ({ id, what: 'outputs' as const, path })),
    ...[
      ...testsOf(node.task.when, [...node.path, 'when']),
      ...testsOf(node.task.loop?.until, [...node.path, 'loop', 'until']),
    ]
      .filter(({ ofOutput }) => ofOutput)
      .map(({ id, path }) => ({ id, what: 'outputs' as const, path: [...path, 'output'] })),
  ]);
  return wanted.flatMap(({ id, what, path }): Refusal[] => {
    const maker = tasks.get(id);
    const gap = maker === undefined ? null : captureGap(maker, what, parts);
    if (gap === null) return [];
    const problem = `the task ${quote(id)} captures no ${what}`;
    const fix = `Add \`${what}\` to the \`capture\` of ${gap}.`;
    return [{ code: 'SPEC_INVALID', path: formatPath(path), problem, fix }];
  });
}

/** Where it should be captured; null where it is, or where nobody can tell. */
function captureGap({ kind, task }: FlowNode, what: string, { agents }: FlowParts): string | null {
  const name = typeof task.agent === 'string' ? task.agent : '';
  const maker = kind === 'check' ? task.gate : Object.hasOwn(agents, name) ? agents[name] : undefined;
  if (!isObject(maker) || (Array.isArray(maker.capture) && maker.capture.includes(what))) return null;
  return kind === 'check' ? 'the gate' : `the agent ${quote(name)}`;
}

/** What a task that runs something does, when everything that it refers to is there. */
export function workOf(node: FlowNode, parts: FlowParts): Work {
  const { kind, task } = node;
  const around = lineage(node).map((one) => settingsOf(one.task, parts));
  if (kind === 'check') {
    const { run = '', capture } = task.gate ?? {};
    return { ...merged(around), pipeline: [{ block: 'script', run, lens: 'gate' }, ...captures(capture)] };
  }
  if (kind === 'approval') {
    const { deadline } = merged(around) as Pick<Work, 'deadline'>;
    return { ...(deadline === undefined ? {} : { deadline }), gate: task.approval };
  }
  // A shape is resolved once all items are there.
  if (kind === 'uses') return { ...merged(around), uses: task.uses, ...(task.with && { with: task.with }) } as Work;
  const agent = (parts.agents[task.agent ?? ''] ?? {}) as FlowAgent;
  const settings = merged([settingsOf(agent, parts), ...around]);
  return { ...settings, pipeline: [blockOf(task.agent ?? '', agent, wordsOf(task)), ...captures(agent.capture)] };
}

export function wordsOf({ input }: FlowTask): string[] {
  return input === undefined ? [] : [input].flat();
}

function guardsOf({ guards }: { guards?: unknown }): object {
  return guards === undefined ? {} : { guards };
}

/** @param words what a task says to the agent of this name */
export function blockOf(name: string, agent: FlowAgent, words: readonly string[]): Pipeline[number] {
  return { ...unguardedOf(name, agent, words), ...guardsOf(agent) } as Pipeline[number];
}

function unguardedOf(name: string, agent: FlowAgent, words: readonly string[]): Pipeline[number] {
  const { run = '', command, lens } = agent;
  if (agent.adapter !== undefined) {
    const own = Object.entries(agent).filter(([key]) => PROMPTED_KEYS.includes(key));
    const said = [agent.prompt ?? [], words].flat();
    const prompt = said.length === 0 ? {} : { prompt: said.join('\n\n') };
    return { block: 'agent', ...Object.fromEntries(own), ...prompt } as Pipeline[number];
  }
  if (command !== undefined) return { block: 'agent', adapter: 'command', command: [...command, ...words] };
  const looking = lens === undefined ? {} : { lens };
  if (words.length === 0) return { block: 'script', run, ...looking };
  // What stands behind the script of a shell are its `$0` and its arguments.
  const program = typeof run === 'string' ? [...SHELL, run, name] : run;
  return { block: 'script', run: [...program, ...words], ...looking };
}

function captures(kinds: readonly ('patch' | 'outputs')[] = []): Pipeline {
  return kinds.map((what) => ({ block: 'capture', what }));
}

/** Of one agent, group or task: its presets in their order, then what stands beside them. */
function settingsOf(owner: { preset?: string | string[] | undefined }, parts: FlowParts): Record<string, unknown> {
  const presets = owner.preset === undefined ? [] : [owner.preset].flat();
  const own = Object.entries(owner).filter(([key]) => SETTING_KEYS.includes(key));
  return merged([...presets.map((name) => parts.presets[name] ?? {}), Object.fromEntries(own)]);
}

/** Later ones win. */
function merged(settings: readonly Record<string, unknown>[]): Record<string, unknown> {
  const all = settings.reduce((weak, strong) => mergeByKey(weak, strong) as Record<string, unknown>, {});
  return isObject(all) ? all : {};
}
