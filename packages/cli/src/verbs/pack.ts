/** pack list, show and validate: what items can use, and what a folder would give them. */
import { basename, resolve } from 'node:path';
import {
  builtInPacks,
  findPack,
  type OpenRegistry,
  type Pack,
  type ReadPack,
  readPackFolder,
  registeredPack,
  type Shape,
  SpecRefused,
} from '@waybill/client';
import { type PlacedWarning, usageError, warningLines } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { placedInPack } from '../pack-file.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { packLines, shapeDocument, shapeLines } from '../view/pack-lines.ts';
import { toned } from '../view/styled.ts';

export async function packList({ terminal }: VerbCall): Promise<ExitCode> {
  for (const name of await builtInPacks()) {
    const pack = await opened(name);
    terminal.emit({ ...headOf(pack), shapes: [...pack.shapes.keys()] });
    terminal.say(packLines(pack));
  }
  return EXIT.ok;
}

export async function packShow(call: VerbCall): Promise<ExitCode> {
  const { terminal } = call;
  const { pack, shape } = await namedBy(call.arg(0), call.registry);
  const shapes = shape === null ? [...pack.shapes.values()] : [shape];
  terminal.emit({ ...headOf(pack), shapes: shapes.map(shapeDocument) });
  terminal.say(shape === null ? packLines(pack) : shapeLines(pack, shape));
  return EXIT.ok;
}

export async function packValidate(call: VerbCall): Promise<ExitCode> {
  const { terminal } = call;
  const folder = resolve(call.arg(0));
  const pack = await judged(folder, await readPackFolder(folder));
  const warnings = nameWarnings(folder, pack);
  const warned = warnings.length === 0 ? {} : { warnings };
  terminal.emit({ ok: true, path: folder, ...headOf(pack), shapes: [...pack.shapes.keys()], ...warned });
  terminal.say([
    [toned('good', 'valid'), `  ${pack.name}: ${counted(pack.shapes.size, 'shape')}`],
    [toned('quiet', pack.digest)],
    ...warnings.flatMap(warningLines),
  ]);
  return EXIT.ok;
}

/** Items that name the folder find it all the same; only by which name it is registered, somebody has to say then. */
function nameWarnings(folder: string, { name }: Pack): PlacedWarning[] {
  const called = basename(folder);
  if (called === name) return [];
  const problem = `the folder is called ${JSON.stringify(called)}, and its pack.yaml says ${JSON.stringify(name)}`;
  const fix = `To register it, rename one of them, or say which name items are to use: --name ${name}.`;
  return [{ file: folder, path: 'document', problem, fix }];
}

function headOf({ name, description, digest }: Pack): Pick<Pack, 'name' | 'description' | 'digest'> {
  return { name, description, digest };
}

/** `data`, `data/split`, or a folder, with a shape behind it or not. */
async function namedBy(written: string, registry: OpenRegistry): Promise<{ pack: Pack; shape: Shape | null }> {
  const whole = await found(written, registry);
  if (whole?.ok) return { pack: whole.pack, shape: null };
  const [, pack = '', shape = ''] = /^(.+)\/([^/]+)$/s.exec(written) ?? [];
  const inside = pack === '' ? null : await found(pack, registry);
  if (inside?.ok) {
    const named = inside.pack.shapes.get(shape);
    if (named !== undefined) return { pack: inside.pack, shape: named };
    throw usageError('pack', `the pack has no shape ${shape}`, `It has ${[...inside.pack.shapes.keys()].join(', ')}.`);
  }
  const refused = whole ?? inside;
  if (refused === null)
    throw usageError('pack', `there is no pack ${written}`, 'See `waybill pack list`, or name a folder.');
  return { pack: await judged(resolve(whole === null ? pack : written), refused), shape: null };
}

async function found(written: string, registry: OpenRegistry): Promise<ReadPack | null> {
  if (/^(?:\.{0,2}\/|\.\.?$)/.test(written)) return readPackFolder(resolve(written));
  return (await findPack(written, '.')) ?? registeredPack(written, registry);
}

async function opened(name: string): Promise<Pack> {
  const pack = await findPack(name, '.');
  if (pack?.ok) return pack.pack;
  throw new SpecRefused(pack?.refusals ?? []);
}

/** Throws SpecRefused with everything that is wrong, by its line in pack.yaml. */
async function judged(folder: string, read: ReadPack): Promise<Pack> {
  if (read.ok) return read.pack;
  throw new SpecRefused(await placedInPack(folder, read.refusals));
}
