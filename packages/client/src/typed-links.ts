/**
 * What items take from each other and ask of each other, against what these declare that they leave. Judged where a document is
 * written: whoever declares nothing is taken at his word, and what is declared is held to when it is there.
 */
import type { Refusal } from './errors.ts';
import { type Need, sourcesOf, testsOf } from './item-sources.ts';
import { nearest } from './nearest-word.ts';
import { schemaProblems } from './output-schema.ts';
import type { TypedInput } from './pack.ts';
import { gapIn, schemaMismatch } from './schema-paths.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';
import type { DeclaredOutputs } from './spec-outputs.ts';
import type { UsedShape } from './use-shape.ts';

type Declared = DeclaredOutputs[string];
type Used = ReadonlyMap<number, UsedShape>;

/** Who is asked or taken from and is not among the items is another run's to judge. @param used shapes of items, by their place in the run */
export function typeProblems({ items }: Pick<RunSpec['spec'], 'items'>, used: Used): Refusal[] {
  const byId = new Map(items.map((item) => [item.id, item]));
  return items.flatMap((item, index) => {
    const say: Say = (path, problem, fix, code = 'SPEC_INVALID') => ({
      code,
      path: formatPath(['spec', 'items', index, ...path]),
      problem,
      fix,
    });
    const inputs = used.get(index)?.shape.inputs ?? {};
    return [
      ...(used.has(index) ? [] : declaredProblems(item, say)),
      ...Object.entries(item.needs ?? {}).flatMap(([key, need]) =>
        sourcesOf(need).flatMap((id) =>
          needProblems(key, need, byId.get(id), Object.hasOwn(inputs, key) ? inputs[key] : undefined, say),
        ),
      ),
      ...eachProblems(item, byId, inputs, say),
      ...testsOf(item.when, ['when']).flatMap(({ written, path }) =>
        written.output === undefined
          ? []
          : askedProblems(written.output, written.at ?? '', byId.get(written.from ?? ''), path, say),
      ),
    ];
  });
}

type Say = (path: PropertyKey[], problem: string, fix: string, code?: Refusal['code']) => Refusal;

/** What an item of its own says of its outputs. */
function declaredProblems({ outputs = {}, pipeline = [] }: ItemSpec, say: Say): Refusal[] {
  return Object.entries(outputs).flatMap(([name, { kind, schema }]): Refusal[] => {
    const path = ['outputs', name];
    if ((kind === 'patch') !== (name === 'patch'))
      return [
        say(
          [...path, 'kind'],
          'the captured patch, and nothing else, is called `patch`',
          'Rename it, or change its kind.',
        ),
      ];
    const what = kind === 'patch' ? 'patch' : 'outputs';
    const isCaptured = pipeline.some((block) => block.block === 'capture' && block.what === what);
    const capture = `Add \`{ block: capture, what: ${what} }\` to the pipeline.`;
    return [
      ...(isCaptured ? [] : [say(path, `the item captures no ${what}`, capture)]),
      ...(schema === undefined ? [] : schemaProblems(schema)).map((one) =>
        say([...path, 'schema', ...one.path], one.problem, one.fix),
      ),
    ];
  });
}

/** The type of one output; `undefined`: nobody has said anything of it; null: others are declared, and it is not. */
function typeOf(name: string, { outputs }: ItemSpec): Declared | undefined | null {
  if (outputs === undefined || Object.keys(outputs).length === 0) return undefined;
  const folder = Object.keys(outputs).find((one) => one.endsWith('/') && name.startsWith(one));
  return (Object.hasOwn(outputs, name) ? outputs[name] : undefined) ?? (folder === undefined ? null : outputs[folder]);
}

function needProblems(
  key: string,
  { select }: Need,
  maker: ItemSpec | undefined,
  wanted: TypedInput | undefined,
  say: Say,
): Refusal[] {
  if (maker === undefined) return [];
  const path = ['needs', key, 'select'];
  if (select === 'patch') return mismatch({ kind: 'patch' }, wanted, maker.id, path, say);
  const type = typeOf(select.output, maker);
  return type === null ? [undeclared(select.output, maker, path, say)] : mismatch(type, wanted, maker.id, path, say);
}

/** Each output of another is an input of one. */
function eachProblems(
  { forEach }: ItemSpec,
  byId: ReadonlyMap<string, ItemSpec>,
  inputs: Readonly<Record<string, TypedInput>>,
  say: Say,
): Refusal[] {
  const maker = forEach === undefined ? undefined : byId.get(forEach.from);
  if (forEach === undefined || maker === undefined) return [];
  const path = ['forEach', 'outputs'];
  const as = forEach.as ?? 'item';
  // A beginning of names may be shorter than what is declared.
  const begun = Object.entries(maker.outputs ?? {}).find(([name]) => name.startsWith(forEach.outputs));
  const type = begun?.[1] ?? typeOf(forEach.outputs, maker);
  if (type === null) return [undeclared(forEach.outputs, maker, path, say)];
  return mismatch(type, Object.hasOwn(inputs, as) ? inputs[as] : undefined, maker.id, path, say);
}

function undeclared(name: string, { id, outputs = {} }: ItemSpec, path: PropertyKey[], say: Say): Refusal {
  const known = Object.keys(outputs);
  const near = nearest(name, known);
  const fix = near === null ? `It leaves ${known.join(', ')}.` : `Write \`${near}\`.`;
  return say(path, `the item ${quote(id)} declares no output ${quote(name)}`, fix, 'SPEC_UNKNOWN_REFERENCE');
}

function mismatch(
  left: Declared | undefined,
  wanted: TypedInput | undefined,
  maker: string,
  path: PropertyKey[],
  say: Say,
): Refusal[] {
  if (left === undefined || wanted?.kind === undefined) return [];
  if (left.kind !== wanted.kind) {
    const fix = `Let an item between make ${wanted.kind} of it: ${adapterOf(left.kind, wanted.kind)}.`;
    return [say(path, `${quote(maker)} leaves ${left.kind}, and the shape takes ${wanted.kind}`, fix)];
  }
  if (left.schema === undefined || wanted.schema === undefined) return [];
  const problem = schemaMismatch(left.schema, wanted.schema, '');
  const fix = 'Take another output, or let an item between make it.';
  return problem === null
    ? []
    : [say(path, `what ${quote(maker)} leaves is not what the shape takes: ${problem}`, fix)];
}

/** By what is left and what is taken. */
const ADAPTERS: Readonly<Record<string, string>> = {
  'csv jsonl': 'data/csv-to-jsonl',
  'jsonl csv': 'data/jsonl-to-csv',
};

function adapterOf(from: string, to: string): string {
  const known = ADAPTERS[`${from} ${to}`];
  return known === undefined ? 'a shape that takes the one and leaves the other' : `\`uses: ${known}\``;
}

/** A condition asks for a value that the schema of the output has. */
function askedProblems(
  output: string,
  at: string,
  maker: ItemSpec | undefined,
  path: PropertyKey[],
  say: Say,
): Refusal[] {
  const type = maker === undefined ? undefined : typeOf(output, maker);
  if (maker === undefined || type === undefined) return [];
  if (type === null) return [undeclared(output, maker, [...path, 'output'], say)];
  if (type.kind !== 'json')
    return [
      say(
        [...path, 'output'],
        `${quote(output)} is ${type.kind}, and a condition asks JSON`,
        'Ask a file of kind json.',
      ),
    ];
  const parts = at
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const gap = type.schema === undefined ? null : gapIn(type.schema, parts);
  if (gap === null) return [];
  const near = nearest(gap.name, gap.known);
  const fix =
    near === null ? `It has ${gap.known.length === 0 ? 'no members' : gap.known.join(', ')}.` : `Write \`${near}\`.`;
  return [
    say(
      [...path, 'at'],
      `the schema of ${quote(output)} has no ${quote(gap.name)} there`,
      fix,
      'SPEC_UNKNOWN_REFERENCE',
    ),
  ];
}
