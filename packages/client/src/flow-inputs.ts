/** What an agent of a flow is told by itself and by its tasks: one text in the run spec, judged where each part of it stands. */
import type { Refusal } from './errors.ts';
import type { FlowAgent } from './flow.ts';
import { blockOf, templateProblem, wordsOf } from './flow-agents.ts';
import { type FlowParts, pathIn } from './flow-parts.ts';
import type { FlowNode, FlowTree } from './flow-tree.ts';
import { readPrompt } from './prompt-template.ts';
import { itemSchema } from './spec.ts';
import { formatPath, quote, refusalsOf } from './spec-issue.ts';

const blockSchema = itemSchema.shape.pipeline.unwrap().element;

/** Of a flow that is well-formed otherwise: what its agents and inputs become is no block of a run spec, or has places for nothing. */
export function inputProblems({ nodes }: FlowTree, parts: FlowParts): Refusal[] {
  return nodes.filter(({ kind }) => kind === 'agent').flatMap((node) => problemsOf(node, parts));
}

function problemsOf(node: FlowNode, parts: FlowParts): Refusal[] {
  const { name, agent, promptPath, inputPath } = placesOf(node, parts);
  const words = wordsOf(node.task);
  const isPrompted = agent.adapter !== undefined;
  const templates = isPrompted
    ? [
        ...(agent.prompt === undefined ? [] : templateProblem(agent.prompt, promptPath)),
        ...words.flatMap((word) => templateProblem(word, inputPath)),
      ]
    : [];
  if (words.length === 0) return templates;
  const parsed = blockSchema.safeParse(blockOf(name, agent, words), { reportInput: true });
  if (parsed.success) return templates;
  // A script that fits by itself may be too long for an argument.
  const isScript = ({ path }: Refusal): boolean => typeof agent.run === 'string' && path === 'run[2]';
  const scriptPath = pathIn(parts.homeOf('agents', name), ['agents', name, 'run']);
  return [
    ...refusalsOf(parsed.error.issues).map((found) => ({ ...found, path: isScript(found) ? scriptPath : inputPath })),
    ...templates,
  ];
}

function placesOf({ path, task }: FlowNode, parts: FlowParts) {
  const name = task.agent ?? '';
  return {
    name,
    agent: (parts.agents[name] ?? {}) as FlowAgent,
    promptPath: pathIn(parts.homeOf('agents', name), ['agents', name, 'prompt']),
    inputPath: formatPath([...path, 'input']),
  };
}

/** An input that the prompt of an item asks for in vain: told where the place for it stands. */
export function ledToPrompt(refusal: Refusal, node: FlowNode, parts: FlowParts): Refusal {
  const { promptPath, inputPath } = placesOf(node, parts);
  if (wordsOf(node.task).some((word) => asksFor(word, refusal))) return { ...refusal, path: inputPath };
  // Other tasks of the agent may have it.
  const problem = refusal.problem.replace(/^the item/, `the task ${quote(node.id ?? '')}`);
  return { ...refusal, path: promptPath, problem };
}

function asksFor(text: string, { problem }: Refusal): boolean {
  const read = readPrompt(text);
  return read.ok && read.parts.some((part) => part.kind !== 'literal' && problem.endsWith(quote(part.key)));
}
