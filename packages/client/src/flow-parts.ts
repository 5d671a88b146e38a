/** What a flow and the files that it includes define together: presets and agents, merged by key. */
import type { z } from 'zod';
import type { Refusal } from './errors.ts';
import { flowPartSchema } from './flow.ts';
import { isObject } from './flow-tree.ts';
import { resolveInclude } from './include-path.ts';
import { FLOW_LIMITS } from './limits.ts';
import { nearest } from './nearest-word.ts';
import { formatPath, quote, refusalsOf } from './spec-issue.ts';

/** An included file as it was read: a document, or why there is none. */
export type FlowFile = { ok: true; value: unknown } | { ok: false; refusals: Refusal[] };

/** By path relative to the directory of the flow, with forward slashes. */
export type FlowFiles = ReadonlyMap<string, FlowFile>;

type Entries = Record<string, Record<string, unknown>>;

/** What is defined, each entry with the file that has the last word on it. */
export interface FlowParts {
  presets: Entries;
  agents: Entries;
  homeOf(section: Section, name: string): string;
  refusals: Refusal[];
}

const SECTIONS = ['presets', 'agents'] as const;
type Section = (typeof SECTIONS)[number];

interface Gathering {
  files: FlowFiles;
  merged: Record<Section, Entries>;
  homes: Map<string, string>;
  /** Documents that count, the flow among them. */
  included: Map<string, unknown>;
  mentions: number;
  refusals: Refusal[];
}

/** What is included stands as if it had been written in front of the file that includes it. */
export function gatherParts(document: unknown, files: FlowFiles): FlowParts {
  const gathering: Gathering = {
    files,
    merged: { presets: {}, agents: {} },
    homes: new Map(),
    included: new Map(),
    mentions: 0,
    refusals: [],
  };
  gather('', document, [], gathering);
  const { merged, homes, refusals } = gathering;
  const homeOf = (section: Section, name: string): string => homes.get(`${section}/${name}`) ?? '';
  const unknown = [...gathering.included].flatMap(([path, value]) => unknownPresets(path, value, merged.presets));
  // A file that is included twice is judged twice, and told about once.
  return { ...merged, homeOf, refusals: [...refusals, ...unknown] };
}

/** @param above the files that led here, outermost first */
function gather(file: string, document: unknown, above: readonly string[], gathering: Gathering): void {
  if (!isObject(document)) return;
  gathering.included.set(file, document);
  const include = Array.isArray(document.include) ? document.include : [];
  for (const [n, written] of include.entries()) {
    if (typeof written !== 'string') continue;
    const found = find(file, written, above, gathering);
    if ('problem' in found) {
      gathering.refusals.push({ ...found, path: pathIn(file, ['include', n]) });
    } else {
      gathering.refusals.push(...partProblems(found, pathIn(file, ['include', n])));
      if (found.file.ok) gather(found.path, found.file.value, [...above, file], gathering);
    }
  }
  for (const section of SECTIONS) {
    const entries = document[section];
    if (!isObject(entries)) continue;
    for (const [name, entry] of Object.entries(entries)) {
      if (!isObject(entry)) continue;
      const own = gathering.merged[section];
      own[name] = mergeByKey(Object.hasOwn(own, name) ? own[name] : undefined, entry) as Record<string, unknown>;
      gathering.homes.set(`${section}/${name}`, file);
    }
  }
}

interface Part {
  path: string;
  file: FlowFile;
}

type Included = Part | Omit<Refusal, 'path'>;

function find(file: string, written: string, above: readonly string[], gathering: Gathering): Included {
  const resolved = resolveInclude(file, written);
  if (!resolved.ok) {
    const problem = `${quote(written)} cannot be included: ${resolved.problem}`;
    const fix = 'Write a path relative to this file, to a file beside the flow or below it.';
    return { code: 'SPEC_INVALID', problem, fix };
  }
  const { path } = resolved;
  const line = [...above, file];
  if (line.includes(path)) {
    const circle = [...line.slice(line.indexOf(path)), path].join(' -> ');
    return { code: 'SPEC_CYCLE', problem: `the files include each other: ${circle}`, fix: 'Remove one of these.' };
  }
  if (line.length > FLOW_LIMITS.includeDepth) {
    const problem = `more than ${FLOW_LIMITS.includeDepth} files include each other in a row`;
    return { code: 'SPEC_LIMIT', problem, fix: 'Include them from the flow itself.' };
  }
  gathering.mentions += 1;
  if (gathering.mentions > FLOW_LIMITS.includes) {
    const problem = `the flow includes more than ${FLOW_LIMITS.includes} files`;
    return { code: 'SPEC_LIMIT', problem, fix: 'Put them into fewer files.' };
  }
  const read = gathering.files.get(path);
  if (read !== undefined) return { path, file: read };
  return { code: 'FILE_UNREADABLE', problem: `${quote(path)} was not read`, fix: 'Put the file there.' };
}

/** @param include where it is named: of a file that could not be read, nothing inside of it can be */
function partProblems({ path, file }: Part, include: string): Refusal[] {
  const refusals = file.ok ? formProblems(file.value) : file.refusals;
  return refusals.map((refusal) => {
    const { code, problem } = refusal;
    const isUnread = code === 'FILE_UNREADABLE' || code === 'SPEC_TOO_LARGE';
    if (isUnread) return { ...refusal, path: include, problem: `${quote(path)}: ${problem}` };
    return { ...refusal, path: inFile(path, refusal.path) };
  });
}

function formProblems(document: unknown): Refusal[] {
  const parsed = flowPartSchema.safeParse(document, { reportInput: true });
  return parsed.success ? [] : refusalsOf(parsed.error.issues as z.core.$ZodIssue[]);
}

/** Presets that agents of one file start from, and that nothing defines. */
function unknownPresets(file: string, document: unknown, presets: Entries): Refusal[] {
  if (!isObject(document) || !isObject(document.agents)) return [];
  return Object.entries(document.agents).flatMap(([name, agent]) =>
    isObject(agent) ? presetProblems(agent.preset, ['agents', name], presets, file) : [],
  );
}

export function presetProblems(preset: unknown, owner: readonly PropertyKey[], presets: Entries, file = ''): Refusal[] {
  const named: [path: PropertyKey[], name: unknown][] = Array.isArray(preset)
    ? preset.map((name, n) => [[...owner, 'preset', n], name])
    : [[[...owner, 'preset'], preset]];
  return named.flatMap(([path, name]) =>
    typeof name === 'string' && !Object.hasOwn(presets, name)
      ? [unknownName(pathIn(file, path), 'preset', name, Object.keys(presets))]
      : [],
  );
}

export function unknownName(path: string, what: string, name: string, known: readonly string[]): Refusal {
  const near = nearest(name, known);
  const fix = near === null ? `Define it under \`${what}s\`.` : `Write \`${near}\`, or define it under \`${what}s\`.`;
  return { code: 'SPEC_UNKNOWN_REFERENCE', path, problem: `there is no ${what} ${quote(name)}`, fix };
}

/** Objects are merged key by key, and so on inside; of anything else the stronger one stands. */
export function mergeByKey(weak: unknown, strong: unknown): unknown {
  if (strong === undefined) return weak;
  if (!isObject(weak) || !isObject(strong)) return strong;
  const merged = { ...weak };
  for (const [key, value] of Object.entries(strong)) merged[key] = mergeByKey(weak[key], value);
  return merged;
}

export function pathIn(file: string, path: readonly PropertyKey[]): string {
  return inFile(file, formatPath(path));
}

function inFile(file: string, path: string): string {
  return file === '' ? path : `${quote(file).slice(1, -1)}: ${path}`;
}
