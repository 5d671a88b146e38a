/** validate and plan: what a spec says, before anything is submitted. */
import { agentPrice } from '../agent-price.ts';
import { warningLines } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { unseenSecrets } from '../kept-secrets.ts';
import { estimateOf } from '../plan-estimate.ts';
import { shapeOf } from '../plan-shape.ts';
import { unseenNames } from '../registered-names.ts';
import { type ExtensionFile, readPlannedFile, type SpecFile } from '../spec-file.ts';
import type { VerbCall } from '../verb.ts';
import { estimateLines } from '../view/cost-lines.ts';
import { counted } from '../view/measure.ts';
import { laterLines, mermaidText, planLines, type Sketch } from '../view/plan-lines.ts';
import { toned } from '../view/styled.ts';

export async function validate(call: VerbCall): Promise<ExitCode> {
  const file = await readPlannedFile(call.arg(0), call.registryThere);
  const { path, items } = file;
  const unseen = [...unseenSecrets(call, call.arg(0), file), ...(await unseenNames(call, call.arg(0), file))];
  const warnings = 'named' in file ? unseen : [...file.warnings, ...unseen];
  const isUnread = !('named' in file) && file.written.run.spec.source !== undefined;
  const edges = items.reduce((sum, { deps }) => sum + deps.length, 0);
  const [name, about] =
    'named' in file ? ['an extension', { kind: 'Extension', named: file.named }] : [file.name, { name: file.name }];
  call.terminal.emit({
    ok: true,
    path,
    ...about,
    ...warned({ warnings }),
    items: items.length,
    edges,
    ...(isUnread ? { isSourceUnread: true } : {}),
  });
  call.terminal.say([
    [toned('good', 'valid'), `  ${name}: ${counted(items.length, 'item')}, ${counted(edges, 'edge')}`],
    ...('named' in file ? laterLines(file.named) : []),
    ...(isUnread ? [[toned('quiet', 'its source is looked at when it is submitted')]] : []),
    ...warnings.flatMap(warningLines),
  ]);
  return EXIT.ok;
}

function warned({ warnings }: Pick<SpecFile, 'warnings'>): Partial<SpecFile> {
  return warnings.length === 0 ? {} : { warnings };
}

/** Items of a flow, each with the path of its task. */
function fromOf({ items, origins }: SpecFile): Record<string, string> {
  return Object.fromEntries(items.map(({ id }, n) => [id, origins?.[n] ?? '']));
}

export async function plan(call: VerbCall): Promise<ExitCode> {
  const file = await readPlannedFile(call.arg(0), call.registry);
  const sketch = 'named' in file ? sketchOf(file) : file;
  if (call.flag('mermaid')) {
    call.terminal.print(mermaidText(sketch));
    return EXIT.ok;
  }
  const shape = shapeOf(sketch.items);
  const { levels, longest, slowest } = shape;
  const { items } = file;
  const about =
    'named' in file
      ? { kind: 'Extension', named: file.named, items }
      : { name: file.name, queue: file.queue, items, ...(file.origins === null ? {} : { from: fromOf(file) }) };
  const price = await agentPrice(call.target.kind === 'aws' ? null : call.home);
  const estimate = estimateOf(items, shape, price);
  const warnings = 'named' in file ? {} : warned(file);
  call.terminal.emit({ ...about, levels, longest, criticalPath: slowest, estimate, ...warnings });
  call.terminal.say([
    ...planLines(sketch, shape),
    ...estimateLines(estimate, price),
    ...('named' in file ? laterLines(file.named) : file.warnings.flatMap(warningLines)),
  ]);
  return EXIT.ok;
}

/** Its items alone: whom they wait for outside of them, the run has. */
function sketchOf({ items }: ExtensionFile): Sketch {
  const own = new Set(items.map(({ id }) => id));
  const among = items.map((item) => ({ ...item, deps: item.deps.filter((id) => own.has(id)) }));
  return { name: 'extension', items: among, origins: null };
}
