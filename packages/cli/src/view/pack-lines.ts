/** Packs and their shapes, as people read them before they use one. */
import { type Pack, type Shape, wanted } from '@waybill/client';
import { safeCell } from '../safe-text.ts';
import { type Line, toned } from './styled.ts';

const MOST_CHARS = 1_024;

export function packLines(pack: Pack): Line[] {
  const width = Math.max(...[...pack.shapes.keys()].map((name) => name.length));
  return [
    [toned('strong', safeCell(pack.name)), `  ${told(pack.description)}`],
    [toned('quiet', pack.digest)],
    ...[...pack.shapes.values()].map(({ name, description }): Line => {
      return [`  ${safeCell(name).padEnd(width)}  `, told(description)];
    }),
  ];
}

export function shapeLines(pack: Pack, shape: Shape): Line[] {
  return [
    [toned('strong', `${safeCell(pack.name)}/${safeCell(shape.name)}`), `  ${told(shape.description)}`],
    [toned('quiet', `${shape.digest} of pack ${pack.digest}`)],
    ...sectionOf('params', shape.params, (param) => {
      const otherwise = param.default === undefined ? 'has to be given' : `default ${JSON.stringify(param.default)}`;
      return [`${wanted(param)}; ${otherwise}`, param.description];
    }),
    ...sectionOf('inputs', shape.inputs, ({ kind = 'any file', schema, optional, many, description }) => {
      const words = [kind, schema && 'with a schema', many && 'one of each of many', optional && 'may be missing'];
      return [words.filter((word) => word).join(', '), description];
    }),
    ...sectionOf('outputs', shape.outputs, ({ kind, schema }, name) => {
      return [schema === undefined ? kind : `${kind}, with a schema`, shape.about[name]];
    }),
  ];
}

function sectionOf<T>(
  title: string,
  entries: Readonly<Record<string, T>>,
  about: (one: T, name: string) => [what: string, description: string | undefined],
): Line[] {
  const names = Object.keys(entries);
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.entries(entries).map(([name, one]): Line => {
    const [what, description] = about(one, name);
    const said = description === undefined ? '' : `: ${told(description)}`;
    return [`  ${safeCell(name, MOST_CHARS).padEnd(width)}  ${safeCell(what, MOST_CHARS)}`, toned('quiet', said)];
  });
  return names.length === 0 ? [] : [[toned('quiet', title)], ...lines];
}

/** What a program is told of a shape: all but the bytes of its files. */
export function shapeDocument({
  name,
  description,
  params,
  inputs,
  outputs,
  files,
  settings,
  pipeline,
  digest,
}: Shape): object {
  const hashes = Object.fromEntries(Object.entries(files).map(([key, { sha256 }]) => [key, sha256]));
  return { name, description, digest, params, inputs, outputs, files: hashes, ...settings, pipeline };
}

function told(text: string): string {
  return safeCell(text, MOST_CHARS);
}
