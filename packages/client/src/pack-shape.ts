/** A pack as it is used: every shape with its schemas, prompts and files at hand, looked at, and hashed. Pure. */
import { canonicalize, type Digest, digestOf } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { type JsonSchema, schemaProblems } from './output-schema.ts';
import type { PackFile, PackFiles, ReadPack, Say, Shape } from './pack.ts';
import { packSchema, type WrittenShape } from './pack-format.ts';
import { paramProblems, sampleValues } from './pack-params.ts';
import { pipelineOfShape, shapeItemProblems } from './pack-pipeline.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';
import { bounded, formatPath, quote, refusalsOf } from './spec-issue.ts';
import type { DeclaredOutputs } from './spec-outputs.ts';

export const PACK_FILE = 'pack.yaml';

/** @param digest of the folder that the files are of */
export function readPack(files: PackFiles, digest: Digest): ReadPack {
  const bytes = files.get(PACK_FILE);
  if (bytes === undefined) {
    const problem = `there is no ${PACK_FILE} in the folder`;
    return { ok: false, refusals: [{ code: 'FILE_UNREADABLE', path: 'document', problem, fix: PACK_FIX }] };
  }
  const read = readDocument(bytes, readYaml);
  if (!read.ok) return read;
  const parsed = packSchema.safeParse(read.value, { reportInput: true });
  if (!parsed.success) return { ok: false, refusals: refusalsOf(parsed.error.issues) };
  const { metadata, shapes: written } = parsed.data;
  const shapes = new Map<string, Shape>();
  const refusals = Object.entries(written).flatMap(([name, shape]) => {
    const problems: Refusal[] = [];
    shapes.set(name, readShape(name, shape, files, problems));
    return problems;
  });
  if (refusals.length > 0) return { ok: false, refusals: bounded(refusals) };
  return { ok: true, pack: { ...metadata, digest, shapes } };
}

export const PACK_FIX = 'Name a folder with a pack.yaml, as docs/how-to/write-a-pack.md has it.';

function readShape(name: string, written: WrittenShape, files: PackFiles, problems: Refusal[]): Shape {
  const say: Say = (path, problem, fix, code = 'SPEC_INVALID') => {
    problems.push({ code, path: formatPath(['shapes', name, ...path]), problem, fix });
  };
  const { description, params = {}, effect, timeout } = written;
  const typed = <T extends { schema?: unknown }>(key: 'inputs' | 'outputs', entries: Record<string, T>) =>
    Object.fromEntries(
      Object.entries(entries).map(([path, { schema, ...rest }]) => {
        const found = schemaOf(schema, [key, path, 'schema'], files, say);
        return [path, { ...rest, ...(found === undefined ? {} : { schema: found }) }];
      }),
    );
  const inputs = typed('inputs', written.inputs ?? {}) as Shape['inputs'];
  const outputs = typed('outputs', written.outputs ?? {}) as Record<
    string,
    DeclaredOutputs[string] & { description?: string }
  >;
  judgeTypes(inputs, outputs, say);
  const given = filesOf(written, files, say);
  for (const { path, problem, fix } of paramProblems(params, sampleValues(params)))
    say(['params', ...path], problem, fix);
  const pipeline = pipelineOfShape(written, files, say);
  const declared = Object.fromEntries(
    Object.entries(outputs).map(([path, { kind, schema }]) => [path, { kind, ...(schema && { schema }) }]),
  );
  const settings = { ...(effect && { effect }), ...(timeout && { timeout }) };
  const about = Object.fromEntries(
    Object.entries(outputs).flatMap(([path, one]) => (one.description === undefined ? [] : [[path, one.description]])),
  );
  const hashes = Object.fromEntries(Object.entries(given).map(([key, { sha256 }]) => [key, sha256]));
  const hashed = { description, params, inputs, outputs, files: hashes, settings, pipeline };
  const digest = digestOf(`waybill-shape/v1\n${canonicalize(hashed, { numbers: 'any' })}`);
  const shape = {
    name,
    description,
    params,
    inputs,
    outputs: declared,
    about,
    files: given,
    settings,
    pipeline,
    digest,
  };
  if (problems.length === 0) shapeItemProblems(shape, say);
  return shape;
}

function filesOf(
  { files: named = {}, inputs = {} }: WrittenShape,
  files: PackFiles,
  say: Say,
): Record<string, PackFile> {
  const found: Record<string, PackFile> = {};
  for (const [key, path] of Object.entries(named)) {
    const bytes = files.get(path);
    if (bytes === undefined)
      say(['files', key], `there is no file ${quote(path)} in the pack`, 'Put it there.', 'FILE_UNREADABLE');
    else found[key] = { sha256: digestOf(bytes), sizeBytes: bytes.byteLength, bytes };
    if (Object.hasOwn(inputs, key))
      say(['files', key], `the shape also takes an input ${quote(key)}`, 'Give one another name.');
  }
  return found;
}

function schemaOf(written: unknown, path: PropertyKey[], files: PackFiles, say: Say): JsonSchema | undefined {
  if (written === undefined) return undefined;
  let schema = written;
  if (typeof written === 'string') {
    const bytes = files.get(written);
    if (bytes === undefined) {
      say(path, `there is no file ${quote(written)} in the pack`, 'Put it there.', 'FILE_UNREADABLE');
      return undefined;
    }
    const read = readDocument(bytes, readYaml);
    if (!read.ok) {
      for (const { path: at, problem, fix } of read.refusals) say(path, `${written}: ${at}: ${problem}`, fix);
      return undefined;
    }
    schema = read.value as object;
  }
  const problems = schemaProblems(schema);
  for (const { path: below, problem, fix } of problems) say([...path, ...below], problem, fix);
  return problems.length === 0 ? (schema as JsonSchema) : undefined;
}

/** A schema goes with JSON, and the kind of a patch with the patch. */
function judgeTypes(inputs: Shape['inputs'], outputs: DeclaredOutputs, say: Say): void {
  for (const [key, entries] of [['inputs', inputs] as const, ['outputs', outputs] as const]) {
    for (const [path, { kind, schema }] of Object.entries(entries)) {
      if (schema !== undefined && kind !== 'json' && kind !== 'jsonl')
        say([key, path, 'schema'], 'only JSON has a schema', 'Write `kind: json` or `kind: jsonl`, or leave it out.');
      if (key === 'outputs' && (kind === 'patch') !== (path === 'patch'))
        say(
          [key, path, 'kind'],
          'the captured patch, and nothing else, is called `patch`',
          'Rename it, or change its kind.',
        );
    }
  }
}
