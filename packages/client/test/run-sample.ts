/** Small documents to start from: each test changes the one thing that it is about. */
import { compileItems, parseRun, type RunSpec } from '../src/compile.ts';
import type { Refusal } from '../src/errors.ts';
import type { ParsedRun } from '../src/parse-spec.ts';
import { readYaml } from '../src/read-yaml.ts';

export const SCRIPT = { block: 'script', run: 'true' } as const;
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const PACKED = { bundle: DIGEST, commit: 'b'.repeat(40), sizeBytes: 1 };

export function item(id: string, more: object = {}): Record<string, unknown> {
  return { id, pipeline: [SCRIPT], ...more };
}

export function runOf(items: unknown, spec: object = {}, top: object = {}): Record<string, unknown> {
  return { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'sample' }, spec: { ...spec, items }, ...top };
}

export function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** A run spec in YAML or JSON. */
export function parseWrittenRun(bytes: Uint8Array): ParsedRun {
  return parseRun(bytes, readYaml);
}

/** Parses a document that must be well-formed. */
export function parsed(document: unknown): RunSpec {
  const read = parseRun(bytesOf(document));
  if (!read.ok) throw new TypeError(`the sample is refused: ${summary(read.refusals).join('; ')}`);
  return read.run;
}

/** Everything that parsing and compiling have against a document. */
export function refusalsFor(document: unknown): Refusal[] {
  const read = parseRun(bytesOf(document));
  if (!read.ok) return read.refusals;
  const compiled = compileItems(read.run);
  return compiled.ok ? [] : compiled.refusals;
}

export function summary(refusals: readonly Refusal[]): string[] {
  return refusals.map(({ code, path }) => `${code} ${path}`);
}
