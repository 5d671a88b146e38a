/**
 * What a registry holds: the bytes of registered folders and of value sets by their digest, and for each name the list of what it
 * has meant, one document a registration. Nothing of it is ever written over: the newest document is what the name means now.
 */
import { canonicalize, type Digest, parseCanonical } from '@waybill/verify';
import * as z from 'zod';
import { TerminalError } from './errors.ts';
import { isPrincipal } from './object-names.ts';
import { closed, name } from './spec-fields.ts';

export const REGISTRY_KINDS = ['pack', 'capability', 'values'] as const;
export type RegistryKind = (typeof REGISTRY_KINDS)[number];

/** One registration. */
export interface RegistryEntry {
  v: 1;
  kind: RegistryKind;
  name: string;
  /** From 1, in the order in which the name was registered. */
  number: number;
  sha256: Digest;
  sizeBytes: number;
  /** In the folder; 1 for values. */
  files: number;
  registeredAt: string;
  /** Who says so: nobody vouches for it but the store's own rules on who may write. */
  by: string;
}

/**
 * Objects of a registry, by key. `putOnce` answers false where something stands under the key, which stays as it is. `list` names
 * the keys that begin so, in the order of their characters. Throws as `Transport` does.
 */
export interface RegistryObjects {
  putOnce(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Throws TerminalError OBJECT_TOO_LARGE for more than `maxBytes`. */
  get(key: string, maxBytes: number): Promise<Uint8Array | null>;
  /** Null where nothing stands. */
  sizeOf(key: string): Promise<number | null>;
  list(prefix: string): Promise<string[]>;
}

const NUMBER_DIGITS = 6;
export const MAX_ENTRY_BYTES: number = 4 * 1024;

const schema = closed({
  v: z.literal(1),
  kind: z.enum(REGISTRY_KINDS),
  name,
  number: z.int().min(1),
  sha256: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  sizeBytes: z.int().min(0),
  files: z.int().min(0),
  registeredAt: z.iso.datetime(),
  by: z.string().refine(isPrincipal),
});

export function entryBytes(entry: RegistryEntry): Uint8Array {
  return new TextEncoder().encode(canonicalize(entry));
}

/** Throws TerminalError OBJECT_DIGEST_MISMATCH for bytes that are no entry, or another one's than stands under such a key. */
export function readEntry(key: string, bytes: Uint8Array): RegistryEntry {
  const entry = schema.safeParse(parsed(bytes));
  if (entry.success && entryKey(entry.data as RegistryEntry) === key) return entry.data as RegistryEntry;
  const fix = 'Register it again under another name; whoever may write there has damaged this one.';
  const problem = 'what stands there is no entry of a registry';
  throw new TerminalError({ code: 'OBJECT_DIGEST_MISMATCH', path: key, problem, fix });
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseCanonical(bytes);
  } catch {
    return null;
  }
}

/** `<kind>/<name>/<number, six digits>.json` */
export function entryKey({ kind, name, number }: Pick<RegistryEntry, 'kind' | 'name' | 'number'>): string {
  return `${kind}/${name}/${String(number).padStart(NUMBER_DIGITS, '0')}.json`;
}

export function contentKey(digest: Digest): string {
  return `sha256/${digest.slice('sha256:'.length)}`;
}

const KEY =
  /^(?:sha256\/[0-9a-f]{64}|(?:pack|capability|values)\/(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}\/[0-9]{6}\.json)$/;

/** Throws TerminalError KEY_INVALID for what is no key of a registry. */
export function checkRegistryKey(key: string): string {
  if (KEY.test(key)) return key;
  const problem = `${JSON.stringify(key.slice(0, 80).toWellFormed())} is no key of a registry`;
  throw new TerminalError({ code: 'KEY_INVALID', path: 'key', problem, fix: 'Register it under a valid name.' });
}

/** The newest of each name, by the keys of a kind or of one name. */
export function newestKeys(keys: readonly string[]): string[] {
  const newest = new Map<string, string>();
  for (const key of keys.filter((one) => KEY.test(one)).toSorted()) newest.set(key.slice(0, key.lastIndexOf('/')), key);
  return [...newest.values()];
}
