/** The parameters of a shape: what is given for them, and where it goes: into the environment, and into places of the pipeline. */

import { nearest } from './nearest-word.ts';
import type { ShapeParam } from './pack-format.ts';
import { quote } from './spec-issue.ts';

export type ParamValue = string | number | boolean;
type Params = Readonly<Record<string, ShapeParam>>;

interface Problem {
  path: PropertyKey[];
  problem: string;
  fix: string;
}

/** Everything that is wrong with what is given; none: `paramValues` may be asked. */
export function paramProblems(params: Params, given: unknown): Problem[] {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given)))
    return [{ path: [], problem: 'it is no object', fix: 'Write the parameters by their names.' }];
  const values = (given ?? {}) as Record<string, unknown>;
  const known = Object.keys(params);
  const strange = Object.keys(values).filter((name) => !known.includes(name));
  const unknown = strange.map((name): Problem => {
    const near = nearest(name, known);
    const list = known.length === 0 ? 'It has none.' : `It has ${known.join(', ')}.`;
    const fix = near === null ? list : `Write \`${near}\`, or remove it.`;
    return { path: [name], problem: `the shape has no parameter ${quote(name)}`, fix };
  });
  const wrong = known.flatMap((name): Problem[] => {
    const param = params[name] as ShapeParam;
    const value = Object.hasOwn(values, name) ? values[name] : param.default;
    if (value === undefined)
      return [{ path: [name], problem: `nothing says what ${name} is`, fix: `Add it: ${param.description}` }];
    const problem = valueProblem(param, value);
    return problem === null ? [] : [{ path: [name], problem, fix: `Write ${wanted(param)}.` }];
  });
  return [...unknown, ...wrong];
}

/** With what they are by default. Of what has no problems. */
export function paramValues(params: Params, given: unknown = {}): Record<string, ParamValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, param]) => [
      name,
      (Object.hasOwn(given as object, name) ? (given as Record<string, ParamValue>)[name] : param.default) ?? '',
    ]),
  );
}

/** One that each could be, to look at a shape before anybody uses it. */
export function sampleValues(params: Params): Record<string, ParamValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, param]) => [name, param.default ?? sampleOf(param)] as const),
  );
}

function sampleOf(param: ShapeParam): ParamValue {
  if (param.type === 'boolean') return false;
  if (param.type === 'text') return param.choices?.[0] ?? 'x';
  const least = Math.max(param.min ?? 1, Math.min(1, param.max ?? 1));
  return param.type === 'integer' ? Math.ceil(least) : least;
}

/** As blocks see them: `PARAM_<NAME>`. */
export function paramEnv(values: Readonly<Record<string, ParamValue>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [envName(name), String(value)]));
}

export function envName(name: string): string {
  return `PARAM_${name.toUpperCase()}`;
}

export function wanted(param: ShapeParam): string {
  if (param.type === 'boolean') return 'true or false';
  if (param.type === 'text') {
    if (param.choices !== undefined) return `one of ${param.choices.map((choice) => quote(choice)).join(', ')}`;
    return param.maxLength === undefined ? 'a text' : `a text of at most ${param.maxLength} characters`;
  }
  const word = param.type === 'integer' ? 'a whole number' : 'a number';
  const range = [param.min === undefined ? [] : `from ${param.min}`, param.max === undefined ? [] : `to ${param.max}`];
  return [word, ...range.flat()].join(' ');
}

function valueProblem(param: ShapeParam, value: unknown): string | null {
  const says = `it is not ${wanted(param)}`;
  if (param.type === 'boolean') return typeof value === 'boolean' ? null : says;
  if (param.type === 'text') {
    if (typeof value !== 'string' || (param.choices !== undefined && !param.choices.includes(value))) return says;
    return value.length > (param.maxLength ?? Number.POSITIVE_INFINITY) ? says : null;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return says;
  if (param.type === 'integer' && !Number.isSafeInteger(value)) return says;
  return value < (param.min ?? value) || value > (param.max ?? value) ? says : null;
}

const PLACE = /\{\{param ([a-z][a-z0-9_]*)\}\}/g;
const WHOLE = /^\{\{param ([a-z][a-z0-9_]*)\}\}$/;

/** Names of parameters that texts anywhere in a value have places for, with the path of each. */
export function placesIn(value: unknown, path: PropertyKey[] = []): { path: PropertyKey[]; name: string }[] {
  if (typeof value === 'string') return [...value.matchAll(PLACE)].map(([, name = '']) => ({ path, name }));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    placesIn(one, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** With every place filled in. A text that is one place alone becomes the value itself; braces of a value stay braces. */
export function filled(value: unknown, values: Readonly<Record<string, ParamValue>>): unknown {
  if (typeof value === 'string') {
    const [, whole] = WHOLE.exec(value) ?? [];
    if (whole !== undefined && typeof values[whole] !== 'string') return values[whole];
    return value.replace(PLACE, (_place, name: string) => String(values[name]));
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, filled(one, key === 'prompt' ? escaped(values) : values)]),
  );
}

/** In a prompt two braces are a place of its own. */
function escaped(values: Readonly<Record<string, ParamValue>>): Record<string, ParamValue> {
  const entries = Object.entries(values);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value.replaceAll('{{', '{{{{') : value]),
  );
}
