/** The pipeline of a shape, looked at as the item that it becomes. */

import { LIMITS } from './limits.ts';
import type { PackFiles, Say, Shape } from './pack.ts';
import type { WrittenShape } from './pack-format.ts';
import { placesIn, sampleValues } from './pack-params.ts';
import { pipelineProblems } from './pipeline-order.ts';
import { promptProblems } from './prompt-inputs.ts';
import { itemSchema } from './spec.ts';
import { quote, refusalsOf } from './spec-issue.ts';
import { shapedItem } from './use-shape.ts';

type Blocks = readonly Record<string, unknown>[];

/** With prompts that are files of the pack as their texts. */
export function pipelineOfShape({ pipeline, params = {} }: WrittenShape, files: PackFiles, say: Say): Blocks {
  for (const { path, name } of placesIn(pipeline)) {
    const at = ['pipeline', ...path];
    if (!Object.hasOwn(params, name)) say(at, `the shape has no parameter ${quote(name)}`, 'Add it to `params`.');
    // What a shell reads as a program is not put together from texts.
    if (path.length === 2 && path[1] === 'run')
      say(at, 'a shell script is not put together from parameters', `Write "$PARAM_${name.toUpperCase()}".`);
  }
  return pipeline.map((block, n) => {
    const { prompt } = block;
    if (typeof prompt !== 'object' || prompt === null) return block;
    const { file, ...others } = prompt as { file?: unknown };
    const bytes = typeof file === 'string' && Object.keys(others).length === 0 ? files.get(file) : undefined;
    if (bytes !== undefined && bytes.byteLength <= LIMITS.runBytes)
      return { ...block, prompt: new TextDecoder().decode(bytes) };
    const problem = bytes === undefined ? 'there is no such prompt in the pack' : 'the prompt is too long';
    say(
      ['pipeline', n, 'prompt'],
      problem,
      `Write a text, or \`{ file: <path> }\` of at most ${LIMITS.runBytes} bytes.`,
    );
    return block;
  });
}

/** What a run spec would refuse of it, with parameters of some value and every input there. */
export function shapeItemProblems(shape: Shape, say: Say): void {
  const needs = Object.fromEntries(
    Object.entries(shape.inputs).map(([key, { many }]) => [
      key,
      { ...(many ? { each: 'before' } : { from: 'before' }), select: { output: 'x' } },
    ]),
  );
  const pack = { name: 'pack', digest: shape.digest };
  const item = { ...shapedItem({ id: 'item', needs }, shape, pack, sampleValues(shape.params)) };
  const parsed = itemSchema.safeParse(item, { reportInput: true });
  const refusals = parsed.success
    ? [...pipelineProblems(parsed.data.pipeline ?? [], 0, true), ...promptProblems(parsed.data, 0)]
    : refusalsOf(parsed.error.issues);
  for (const { path, problem, fix, code } of refusals)
    say([], `${path.replace(/^spec\.items\[0\]\./, '')}: ${problem}`, fix, code);
  const captured = new Set(shape.pipeline.flatMap(({ block, what }) => (block === 'capture' ? [what] : [])));
  for (const [path, { kind }] of Object.entries(shape.outputs)) {
    const what = kind === 'patch' ? 'patch' : 'outputs';
    if (captured.has(what)) continue;
    say(['outputs', path], `the pipeline captures no ${what}`, `Add \`{ block: capture, what: ${what} }\` at its end.`);
  }
}
