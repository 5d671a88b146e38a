/** What two schemas say of each other, and where a pointer leads in one. */
import { isObject, type JsonSchema } from './output-schema.ts';

/** Where two schemas cannot both hold, or the one promises less than the other demands; as far as they say it plainly. */
export function schemaMismatch(left: JsonSchema, wanted: JsonSchema, at: string): string | null {
  const [mine, theirs] = [typesOf(left), typesOf(wanted)];
  const place = at === '' ? 'the value' : at;
  if (mine !== null && theirs !== null && !mine.some((type) => theirs.includes(type)))
    return `${place} is ${mine.join(' or ')}, not ${theirs.join(' or ')}`;
  const [properties, demanded] = [left.properties, wanted.properties].map((one) => (isObject(one) ? one : {}));
  for (const name of Array.isArray(wanted.required) ? wanted.required.map(String) : []) {
    const isPromised = everyOf(left).some(({ required }) => Array.isArray(required) && required.includes(name));
    if (isObject(left.properties) && !isPromised) return `${at}/${name} may be missing`;
  }
  for (const [name, schema] of Object.entries(demanded ?? {})) {
    const own = Object.hasOwn(properties ?? {}, name) ? properties?.[name] : undefined;
    const problem = isObject(own) && isObject(schema) ? schemaMismatch(own, schema, `${at}/${name}`) : null;
    if (problem !== null) return problem;
  }
  if (!isObject(left.items) || !isObject(wanted.items)) return null;
  return schemaMismatch(left.items, wanted.items, `${at}/0`);
}

/** A schema and what it promises besides, by `allOf`. */
function everyOf(schema: JsonSchema): JsonSchema[] {
  const others = Array.isArray(schema.allOf) ? schema.allOf.filter(isObject) : [];
  return [schema, ...others.flatMap(everyOf)];
}

/** Null: any. A number may be a whole one. */
function typesOf({ type }: JsonSchema): string[] | null {
  if (type === undefined) return null;
  const types = [type].flat().map(String);
  return types.includes('number') ? [...types, 'integer'] : types;
}

/** The first part of a pointer that leads to nothing that the schema names; null where it may lead to something. */
export function gapIn(
  schema: JsonSchema,
  [part, ...rest]: readonly string[],
): { name: string; known: string[] } | null {
  if (part === undefined) return null;
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((one) => (Array.isArray(one) ? one : []));
  const gaps = [schema, ...branches.filter(isObject)].map((one) => memberGap(one, part, rest));
  const told = gaps.filter((gap) => gap !== undefined);
  // Whoever says nothing of members says nothing against this one; of those that do, one that has it is enough.
  return told.length === 0 || told.includes(null) ? null : (told[0] ?? null);
}

function memberGap(
  schema: JsonSchema,
  part: string,
  rest: readonly string[],
): { name: string; known: string[] } | null | undefined {
  const { properties, items, additionalProperties } = schema;
  const types = typesOf(schema);
  if (types !== null && !types.some((type) => type === 'object' || type === 'array')) return { name: part, known: [] };
  if (/^\d+$/.test(part) && (types?.includes('array') || items !== undefined))
    return isObject(items) ? gapIn(items, rest) : null;
  if (!isObject(properties)) return isObject(additionalProperties) ? gapIn(additionalProperties, rest) : undefined;
  const member = Object.hasOwn(properties, part) ? properties[part] : undefined;
  if (isObject(member)) return gapIn(member, rest);
  if (isObject(additionalProperties)) return gapIn(additionalProperties, rest);
  return additionalProperties === true ? null : { name: part, known: Object.keys(properties) };
}
