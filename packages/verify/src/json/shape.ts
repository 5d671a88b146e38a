/**
 * Closed shapes: what a JSON value may be, and nothing else. A shape answers with the first problem it meets, as a path
 * and a reason (`.items[3].id is not an item id`), or with undefined. Shapes are written against the type they check, so
 * that a type and its shape cannot drift apart.
 */
import { EvidenceError } from '../evidence-error.ts';

export interface Shape<T> {
  (value: unknown): string | undefined;
  /** Marks the type; never set. */
  readonly of?: T;
}

type KeyShape<T, K extends keyof T> =
  Record<never, never> extends Pick<T, K> ? { optional: Shape<Exclude<T[K], undefined>> } : Shape<T[K]>;

/** One entry per key of T: a shape, or `{ optional: shape }` for a key that may be absent. */
export type KeyShapes<T> = { [K in keyof T]-?: KeyShape<T, K> };

/** Throws EvidenceError `SHAPE` unless the value has the shape. */
export function requireShape<T>(shape: Shape<T>, value: unknown, what: string): asserts value is T {
  const problem = shape(value);
  if (problem !== undefined) throw new EvidenceError('SHAPE', `${what}${problem}`);
}

/** An object with exactly these keys. */
export function closed<T extends object>(keys: KeyShapes<T>): Shape<T> {
  const entries = Object.entries<Shape<unknown> | { optional: Shape<unknown> }>(keys);
  const required = entries.filter(([, entry]) => typeof entry === 'function').map(([key]) => key);
  const members = entries
    .map(([key, entry]) => {
      const isRequired = typeof entry === 'function';
      return { key, isRequired, shape: isRequired ? entry : entry.optional };
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return ' is not an object';
    const present = Object.keys(value);
    let found = 0;
    for (const { key, isRequired, shape } of members) {
      // Canonical JSON has its keys in this very order, so that they are hardly ever searched.
      if (present[found] === key || present.includes(key)) {
        found++;
        const problem = shape((value as Record<string, unknown>)[key]);
        if (problem !== undefined) return `.${key}${problem}`;
      } else if (isRequired) return ` lacks ${required.find((name) => !present.includes(name))}`;
    }
    if (found === present.length) return undefined;
    const unknown = present.find((name) => members.every(({ key }) => key !== name)) ?? '';
    return ` has an unknown key ${JSON.stringify(unknown.slice(0, 64))}`;
  };
}

export function listOf<T>(shape: Shape<T>, atLeast = 0): Shape<T[]> {
  return (value) => {
    if (!Array.isArray(value)) return ' is not a list';
    if (value.length < atLeast) return ` holds fewer than ${atLeast}`;
    for (let index = 0; index < value.length; index++) {
      const problem = shape(value[index]);
      if (problem !== undefined) return `[${index}]${problem}`;
    }
    return undefined;
  };
}

export function text<T extends string = string>(pattern: RegExp, name: string): Shape<T> {
  return (value) => (typeof value === 'string' && pattern.test(value) ? undefined : ` is not ${name}`);
}

export function oneOf<const T extends string | number | boolean>(...values: T[]): Shape<T> {
  return (value) => (values.includes(value as T) ? undefined : ` is not one of ${values.join(', ')}`);
}

export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : ` is not an integer from ${least}`;
}

export const flag: Shape<boolean> = (value) => (typeof value === 'boolean' ? undefined : ' is not true or false');

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? undefined : shape(value));
}

/** A shape chosen by looking at the value first. */
export function choose<T>(pick: (value: Record<string, unknown>) => Shape<never> | Shape<T> | undefined): Shape<T> {
  return (value) => {
    if (typeof value !== 'object' || value === null) return ' is not an object';
    const shape = pick(value as Record<string, unknown>);
    return shape === undefined ? ' is of no known kind' : shape(value);
  };
}
