/**
 * A value against the part of JSON Schema that outputs are declared in (client, output-schema.ts): the meanings of 2020-12, in a
 * bounded number of steps. It depends on nothing, since values of strangers are judged beside signing keys.
 */
import { isObject, type JsonSchema } from '@waybill/client/output-schema';

/** What judging may still cost: a step is a keyword asked of a value, and each name, character or entry that it looks at. */
export interface Steps {
  /** Below zero: the work was given up, and what was said of the value since means nothing. */
  left: number;
}

/** JSON pointer, in the schema, of the keyword that a value breaks; null: it breaks none. */
export type Judge = (value: unknown, steps: Steps) => string | null;

/** Makes the check of one keyword from what it holds. `at`: its own place. */
type Maker = (held: unknown, at: string, schema: JsonSchema) => Judge;

const MAX_PART_CHARS = 128;
/** Listing the keys of a large object takes longer than anything else here. */
const STEPS_OF_KEY = 8;

/** In this order, so that a value of another type is told by that. */
const MAKERS: Readonly<Record<string, Maker>> = {
  type: (held, at) => {
    const types = [held].flat();
    return (value) => (types.some((type) => isOfType(value, type)) ? null : at);
  },
  enum: (held, at) => oneOfScalars(held as unknown[], at),
  const: (held, at) => oneOfScalars([held], at),
  minimum: (held, at) => ofNumber((value) => value >= (held as number), at),
  maximum: (held, at) => ofNumber((value) => value <= (held as number), at),
  exclusiveMinimum: (held, at) => ofNumber((value) => value > (held as number), at),
  exclusiveMaximum: (held, at) => ofNumber((value) => value < (held as number), at),
  minLength: (held, at) => ofText((length) => length >= (held as number), at),
  maxLength: (held, at) => ofText((length) => length <= (held as number), at),
  minItems: (held, at) => (value) => (Array.isArray(value) && value.length < (held as number) ? at : null),
  maxItems: (held, at) => (value) => (Array.isArray(value) && value.length > (held as number) ? at : null),
  minProperties: (held, at) => ofObject((keys) => keys.length >= (held as number), at),
  maxProperties: (held, at) => ofObject((keys) => keys.length <= (held as number), at),
  required: (held, at) => (value, steps) => {
    if (!isObject(value)) return null;
    steps.left -= (held as string[]).length;
    return (held as string[]).every((name) => Object.hasOwn(value, name)) ? null : at;
  },
  properties: (held, at) => {
    const members = Object.entries(held as Record<string, JsonSchema>).map(
      ([name, schema]) => [name, judgeBy(schema, `${at}/${partOf(name)}`)] as const,
    );
    return (value, steps) => {
      if (!isObject(value)) return null;
      steps.left -= members.length;
      return firstOf(members, ([name, judge]) => (Object.hasOwn(value, name) ? judge(value[name], steps) : null));
    };
  },
  additionalProperties: (held, at, { properties }) => {
    if (held === true) return () => null;
    const judge = held === false ? () => at : judgeBy(held as JsonSchema, at);
    const known = new Set(isObject(properties) ? Object.keys(properties) : []);
    return (value, steps) => {
      if (!isObject(value)) return null;
      const keys = keysOf(value, steps);
      return firstOf(keys, (key) => (known.has(key) ? null : judge(value[key], steps)));
    };
  },
  items: (held, at) => {
    const judge = judgeBy(held as JsonSchema, at);
    return (value, steps) => (Array.isArray(value) ? firstOf(value, (one) => judge(one, steps)) : null);
  },
  allOf: (held, at) => {
    const judges = severalBy(held, at);
    return (value, steps) => firstOf(judges, (judge) => judge(value, steps));
  },
  anyOf: (held, at) => {
    const judges = severalBy(held, at);
    return (value, steps) => (judges.some((judge) => judge(value, steps) === null) ? null : at);
  },
  oneOf: (held, at) => {
    const judges = severalBy(held, at);
    return (value, steps) => {
      const fitting = judges.filter((judge) => judge(value, steps) === null).length;
      return fitting === 1 ? null : at;
    };
  },
  not: (held, at) => {
    const judge = judgeBy(held as JsonSchema, at);
    return (value, steps) => (judge(value, steps) === null ? at : null);
  },
};

/** @param schema without problems. @param at where it stands */
export function judgeBy(schema: JsonSchema, at = ''): Judge {
  const checks = Object.entries(MAKERS).flatMap(([keyword, make]) =>
    Object.hasOwn(schema, keyword) ? [make(schema[keyword], `${at}/${keyword}`, schema)] : [],
  );
  return (value, steps) => {
    steps.left -= 1;
    for (const check of checks) {
      steps.left -= 1;
      const broken = steps.left < 0 ? at : check(value, steps);
      if (broken !== null) return broken;
    }
    return null;
  };
}

function severalBy(held: unknown, at: string): Judge[] {
  return (held as JsonSchema[]).map((schema, n) => judgeBy(schema, `${at}/${n}`));
}

function firstOf<T>(all: readonly T[], broken: (one: T) => string | null): string | null {
  for (const one of all) {
    const rule = broken(one);
    if (rule !== null) return rule;
  }
  return null;
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  return type === 'object' ? isObject(value) : typeof value === type;
}

function oneOfScalars(wanted: readonly unknown[], at: string): Judge {
  return (value, steps) => {
    steps.left -= wanted.length;
    return wanted.some((one) => one === value) ? null : at;
  };
}

function ofNumber(holds: (value: number) => boolean, at: string): Judge {
  return (value) => (typeof value !== 'number' || holds(value) ? null : at);
}

/** A length is counted in code points. */
function ofText(holds: (length: number) => boolean, at: string): Judge {
  return (value, steps) => {
    if (typeof value !== 'string') return null;
    steps.left -= value.length;
    let length = 0;
    for (const _ of value) length += 1;
    return holds(length) ? null : at;
  };
}

function ofObject(holds: (keys: readonly string[]) => boolean, at: string): Judge {
  return (value, steps) => (!isObject(value) || holds(keysOf(value, steps)) ? null : at);
}

function keysOf(value: Record<string, unknown>, steps: Steps): string[] {
  const keys = Object.keys(value);
  steps.left -= keys.length * STEPS_OF_KEY;
  return keys;
}

/** Of a pointer; whole characters, since half a pair cannot be sealed. */
function partOf(name: string): string {
  return [...name.replaceAll('~', '~0').replaceAll('/', '~1')].slice(0, MAX_PART_CHARS).join('');
}
