/** A named set of environment values: read as a person writes it, kept as canonical JSON. */
import { canonicalize } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';
import { env } from './spec-fields.ts';
import { refusalsOf } from './spec-issue.ts';

/** Nothing in it may look like a credential: a registry is read by many. */
export function readValueSet(
  bytes: Uint8Array,
): { ok: true; bytes: Uint8Array; values: Record<string, string> } | { ok: false; refusals: Refusal[] } {
  const read = readDocument(bytes, readYaml);
  if (!read.ok) return read;
  const parsed = env.safeParse(read.value, { reportInput: true });
  if (!parsed.success) return { ok: false, refusals: refusalsOf(parsed.error.issues) };
  return { ok: true, bytes: new TextEncoder().encode(canonicalize(parsed.data)), values: parsed.data };
}
