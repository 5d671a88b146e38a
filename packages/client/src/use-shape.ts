/** `uses`: an item that names a shape of a pack becomes the item that the shape says, with the shape's hash. Pure. */
import type { Digest } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { DEFAULTS } from './limits.ts';
import { nearest } from './nearest-word.ts';
import { isObject } from './output-schema.ts';
import type { Pack, ReadPack, Shape } from './pack.ts';
import { envName, filled, type ParamValue, paramEnv, paramProblems, paramValues } from './pack-params.ts';
import { formatPath, quote } from './spec-issue.ts';

/** Packs by the text that names them, as they were found. */
export type UsedPacks = ReadonlyMap<string, ReadPack>;

export interface UsedShape {
  shape: Shape;
  pack: Pack;
}

/** `data/split` or `./packs/mine/split`: the shape is the last part. */
export function splitUse(uses: string): { pack: string; shape: string } | null {
  const [, pack, shape] = /^((?:\.\/)?[^/].*?)\/([^/]+)$/.exec(uses) ?? [];
  return pack === undefined || shape === undefined ? null : { pack, shape };
}

/** The shape that an item names, or why there is none. */
export function findShape(
  uses: unknown,
  packs: UsedPacks,
): { ok: true; used: UsedShape } | { ok: false; refusals: Refusal[] } {
  const say = (problem: string, fix: string, code: Refusal['code'] = 'SPEC_UNKNOWN_REFERENCE') => ({
    ok: false as const,
    refusals: [{ code, path: 'uses', problem, fix }],
  });
  const named = typeof uses === 'string' ? splitUse(uses) : null;
  if (named === null)
    return say('it names no shape', 'Write `<pack>/<shape>`, or `./<folder>/<shape>`.', 'SPEC_INVALID');
  const found = packs.get(named.pack);
  if (found === undefined)
    return say(
      `there is no pack ${quote(named.pack)}`,
      'See `waybill pack list` and `waybill registry list pack`, or write `./<folder>/<shape>`.',
    );
  if (!found.ok) {
    return {
      ok: false,
      refusals: found.refusals.map((one) => ({
        ...one,
        path: 'uses',
        problem: `${named.pack}: ${one.path}: ${one.problem}`,
      })),
    };
  }
  const shape = found.pack.shapes.get(named.shape);
  if (shape !== undefined) return { ok: true, used: { shape, pack: found.pack } };
  const known = [...found.pack.shapes.keys()];
  const near = nearest(named.shape, known);
  const fix = near === null ? `It has ${known.join(', ')}.` : `Write \`${named.pack}/${near}\`.`;
  return say(`the pack ${quote(named.pack)} has no shape ${quote(named.shape)}`, fix);
}

/** What an item says of itself where a shape says all of it. */
const OF_SHAPES = ['pipeline', 'gate', 'outputs', 'shape'];

/** Everything that an item that uses a shape says wrong, by its path in the item. */
export function useProblems(item: Record<string, unknown>, { shape }: UsedShape): Refusal[] {
  const problems: Refusal[] = [];
  const say = (path: PropertyKey[], problem: string, fix: string, code: Refusal['code'] = 'SPEC_INVALID'): void => {
    problems.push({ code, path: formatPath(path), problem, fix });
  };
  for (const key of OF_SHAPES)
    if (item[key] !== undefined) say([key], `the shape says the ${key} of the item`, 'Remove one of both.');
  for (const { path, problem, fix } of paramProblems(shape.params, item.with)) say(['with', ...path], problem, fix);
  for (const name of Object.keys(shape.params))
    if (isObject(item.env) && Object.hasOwn(item.env, envName(name)))
      say(['env', envName(name)], `it is the parameter ${quote(name)} of the shape`, `Write it as \`with.${name}\`.`);
  const { needs, reads } = item;
  const single = (key: string): boolean => isObject(needs) && isObject(needs[key]) && needs[key].each === undefined;
  const given = new Map<string, PropertyKey[]>();
  for (const [place, entries] of [['needs', needs] as const, ['reads', reads] as const])
    for (const key of isObject(entries) ? Object.keys(entries) : []) given.set(key, [place, key]);
  const branch = isObject(item.forEach) ? (item.forEach.as ?? DEFAULTS.branchKey) : undefined;
  if (typeof branch === 'string') given.set(branch, ['forEach', 'as']);
  for (const [key, path] of given) {
    const input = Object.hasOwn(shape.inputs, key) ? shape.inputs[key] : undefined;
    const known = Object.keys(shape.inputs);
    if (input === undefined) {
      const near = nearest(key, known);
      const list = known.length === 0 ? 'It takes none.' : `It takes ${known.join(', ')}.`;
      say(path, `the shape takes no input ${quote(key)}`, near === null ? list : `Write \`${near}\`.`);
    } else if (path[0] === 'needs' && (input.many === true) === single(key)) {
      const fix = input.many ? 'Write `each: <item with forEach>`.' : 'Write `from: <item>`, or `oneOf`.';
      say(path, `the shape takes ${input.many ? 'one of each of many' : 'one'} as ${quote(key)}`, fix);
    }
  }
  for (const [key, { optional, kind }] of Object.entries(shape.inputs)) {
    if (optional || given.has(key)) continue;
    say(
      ['needs'],
      `the shape takes an input ${quote(key)}${kind === undefined ? '' : ` (${kind})`}`,
      'Add it to `needs` or `reads`.',
    );
  }
  return problems;
}

/** The item that it becomes, of one that has no problems. */
export function shapedItem(
  item: Record<string, unknown>,
  shape: Shape,
  pack: { name: string; digest: Digest },
  values: Readonly<Record<string, ParamValue>> = paramValues(shape.params, item.with),
): Record<string, unknown> {
  const { uses: _uses, with: _with, ...own } = item;
  const files = Object.entries(shape.files).map(([key, { sha256, sizeBytes }]) => [key, { sha256, sizeBytes }]);
  const reads = { ...(isObject(own.reads) ? own.reads : {}), ...Object.fromEntries(files) };
  const env = { ...(isObject(own.env) ? own.env : {}), ...paramEnv(values) };
  return {
    ...shape.settings,
    ...own,
    pipeline: filled(shape.pipeline, values),
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(Object.keys(reads).length > 0 ? { reads } : {}),
    ...(Object.keys(shape.outputs).length > 0 ? { outputs: shape.outputs } : {}),
    shape: { name: `${pack.name}/${shape.name}`, pack: pack.digest, shape: shape.digest },
  };
}
