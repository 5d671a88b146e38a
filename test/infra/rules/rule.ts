import { type Found, resources, type Templates } from '../deployment.ts';

/** Something that holds of every template that the app makes. */
export interface Rule {
  /** A sentence. */
  says: string;
  /** What breaks it, each named. Throws when there is nothing to look at: a rule over nothing holds. */
  broken(templates: Templates): string[];
  /** Breaks it, to show that it can be broken. */
  plant(templates: Templates): void;
}

/** Those of `type`; there must be at least one. */
export function all(templates: Templates, type: string): Found[] {
  const found = resources(templates, type);
  if (found.length === 0) throw new TypeError(`there is no ${type}`);
  return found;
}

export function first(templates: Templates, type: string, where: (found: Found) => boolean = () => true): Found {
  const found = all(templates, type).find(where);
  if (found === undefined) throw new TypeError(`there is no such ${type}`);
  return found;
}

/** A value inside properties; undefined where the way ends. Numbers are places in lists. */
export function at(value: unknown, ...way: readonly (string | number)[]): unknown {
  return way.reduce<unknown>((here, step) => (here as Record<string | number, unknown> | undefined)?.[step], value);
}

/** Names of those for which `holds` does not. */
export function failing(found: readonly Found[], holds: (found: Found) => boolean): string[] {
  return found.filter((one) => !holds(one)).map(({ stack, id }) => `${stack}/${id}`);
}

export interface PolicyLine {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource?: unknown;
  Principal?: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

export function lines(document: unknown): PolicyLine[] {
  return (at(document, 'Statement') ?? []) as PolicyLine[];
}

export function list<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
