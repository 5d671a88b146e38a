/** validate and plan: what a spec says, before anything is submitted. */
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { shapeOf } from '../plan-shape.ts';
import { readSpecFile, type SpecFile } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { mermaidText, planLines } from '../view/plan-lines.ts';
import { toned } from '../view/styled.ts';

export async function validate(call: VerbCall): Promise<ExitCode> {
  const { path, name, items } = await readSpecFile(call.arg(0));
  const edges = items.reduce((sum, { deps }) => sum + deps.length, 0);
  call.terminal.emit({ ok: true, path, name, items: items.length, edges });
  call.terminal.say([
    [toned('good', 'valid'), `  ${name}: ${counted(items.length, 'item')}, ${counted(edges, 'edge')}`],
  ]);
  return EXIT.ok;
}

/** Items of a flow, each with the path of its task. */
function fromOf({ items, origins }: SpecFile): Record<string, string> {
  return Object.fromEntries(items.map(({ id }, n) => [id, origins?.[n] ?? '']));
}

export async function plan(call: VerbCall): Promise<ExitCode> {
  const spec = await readSpecFile(call.arg(0));
  if (call.flag('mermaid')) {
    call.terminal.print(mermaidText(spec));
    return EXIT.ok;
  }
  const shape = shapeOf(spec.items);
  const { name, queue, items } = spec;
  const { levels, longest, slowest } = shape;
  const from = spec.origins === null ? {} : { from: fromOf(spec) };
  call.terminal.emit({ name, queue, items, ...from, levels, longest, criticalPath: slowest });
  call.terminal.say(planLines(spec, shape));
  return EXIT.ok;
}
