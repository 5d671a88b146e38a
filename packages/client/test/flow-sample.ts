/** Small flows to start from: each test changes the one thing that it is about. */
import { compileFlow } from '../src/compile-flow.ts';
import type { Refusal } from '../src/errors.ts';
import type { FlowFiles } from '../src/flow-parts.ts';
import { depsOf } from '../src/item-sources.ts';
import type { ItemSpec, RunSpec } from '../src/spec.ts';
import { summary } from './run-sample.ts';

/** `work` hands on outputs; `quiet` hands on nothing. */
export const AGENTS = {
  work: { run: 'work "$@"', capture: ['outputs'] },
  quiet: { run: ['quiet'] },
} as const;

export function task(id: string, more: object = {}): Record<string, unknown> {
  return { id, agent: 'work', ...more };
}

/** A need of an output of this task, as `needs`. */
export function taking(from: string, more: object = {}): object {
  return { needs: { file: { from, select: { output: 'out' }, ...more } } };
}

export function flowOf(tasks: unknown, top: object = {}): Record<string, unknown> {
  return { apiVersion: 'waybill/v1', kind: 'Flow', metadata: { name: 'sample' }, agents: AGENTS, tasks, ...top };
}

export function partOf(more: object = {}): Record<string, unknown> {
  return { apiVersion: 'waybill/v1', kind: 'FlowPart', ...more };
}

export function filesOf(documents: Record<string, unknown>): FlowFiles {
  return new Map(Object.entries(documents).map(([path, value]) => [path, { ok: true, value }]));
}

/** Compiles a flow that must be well-formed. */
export function compiled(document: unknown, files: Record<string, unknown> = {}): RunSpec {
  const result = compileFlow(document, filesOf(files));
  if (!result.ok) throw new TypeError(`the sample is refused: ${summary(result.refusals).join('; ')}`);
  return result.run;
}

export function flowRefusals(document: unknown, files: Record<string, unknown> = {}): Refusal[] {
  const result = compileFlow(document, filesOf(files));
  return result.ok ? [] : result.refusals;
}

/** `b < a a~2`: b waits for a and the second round of a. */
export function edgesOf({ spec }: RunSpec): string[] {
  return spec.items.map((item) => [item.id, ...depsOf(item)].join(' ').replace(' ', ' < '));
}

export function itemOf({ spec }: RunSpec, id: string): ItemSpec {
  const item = spec.items.find((one) => one.id === id);
  if (item === undefined) throw new TypeError(`no item ${id}`);
  return item;
}
