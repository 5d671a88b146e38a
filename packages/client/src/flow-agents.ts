/** What a task runs: the agent that it names, with presets, groups and the task itself merged over it. */
import type { Refusal } from './errors.ts';
import { type FlowAgent, SETTING_KEYS } from './flow.ts';
import { testsOf } from './flow-conditions.ts';
import type { FlowTasks } from './flow-links.ts';
import { type FlowParts, mergeByKey, pathIn, presetProblems, unknownName } from './flow-parts.ts';
import { type FlowNode, type FlowTree, isObject, needsOf } from './flow-tree.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';

type Pipeline = NonNullable<ItemSpec['pipeline']>;

/** Of an item: everything but who it is and what it waits for. */
export type Work = Omit<ItemSpec, 'id' | 'dependsOn' | 'needs' | 'when'>;

const SHELL = ['/bin/sh', '-c'];

/** Agents and presets that tasks name and nothing defines, and agents that are not one program. */
export function agentProblems(tree: FlowTree, parts: FlowParts, hasSource: boolean): Refusal[] {
  const defined = Object.entries(parts.agents).flatMap(([name, agent]) => {
    const path = pathIn(parts.homeOf('agents', name), ['agents', name]);
    return definitionProblem(agent, path);
  });
  const named = tree.nodes.flatMap(({ path, kind, task }) => [
    ...presetProblems(task.preset, path, parts.presets),
    ...(kind === 'agent' ? useProblems(task.agent, path, parts, hasSource) : []),
    ...(kind === 'check' ? patchProblem(task.gate?.capture, [...path, 'gate', 'capture'], hasSource) : []),
  ]);
  return [...defined, ...named];
}

function definitionProblem(agent: Record<string, unknown>, path: string): Refusal[] {
  const say = (problem: string, fix: string, at = path): Refusal[] => [
    { code: 'SPEC_INVALID', path: at, problem, fix },
  ];
  const [run, command] = [agent.run !== undefined, agent.command !== undefined];
  if (run === command) {
    const problem = run ? 'the agent has both `run` and `command`' : 'the agent says nothing of what it runs';
    return say(problem, 'Write `run: <script>`, or `command: [<program>, <argument>]`.');
  }
  if (command && agent.lens !== undefined) return say('only a script has a lens', 'Remove it.', `${path}.lens`);
  return [];
}

function useProblems(
  name: unknown,
  path: readonly PropertyKey[],
  { agents }: FlowParts,
  hasSource: boolean,
): Refusal[] {
  if (typeof name !== 'string') return [];
  const at = [...path, 'agent'];
  if (!Object.hasOwn(agents, name)) return [unknownName(formatPath(at), 'agent', name, Object.keys(agents))];
  return patchProblem(agents[name]?.capture, at, hasSource);
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
  const name = String(task.agent);
  const maker = kind === 'check' ? task.gate : Object.hasOwn(agents, name) ? agents[name] : undefined;
  if (!isObject(maker) || (Array.isArray(maker.capture) && maker.capture.includes(what))) return null;
  return kind === 'check' ? 'the gate' : `the agent ${quote(name)}`;
}

/** What a task that runs something does, when everything that it refers to is there. */
export function workOf(node: FlowNode, parts: FlowParts): Work {
  const { kind, task } = node;
  const around = [node, ...ancestors(node)].reverse().map((one) => settingsOf(one.task, parts));
  if (kind === 'check') {
    const { run = '', capture } = task.gate ?? {};
    return { ...merged(around), pipeline: [{ block: 'script', run, lens: 'gate' }, ...captures(capture)] };
  }
  const agent = (parts.agents[task.agent ?? ''] ?? {}) as FlowAgent;
  const words = task.input === undefined ? [] : [task.input].flat();
  const settings = merged([settingsOf(agent, parts), ...around]);
  return { ...settings, pipeline: [block(task.agent ?? '', agent, words), ...captures(agent.capture)] };
}

function ancestors(node: FlowNode): FlowNode[] {
  return node.parent === null ? [] : [node.parent, ...ancestors(node.parent)];
}

function block(name: string, { run = '', command, lens }: FlowAgent, words: readonly string[]): Pipeline[number] {
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
