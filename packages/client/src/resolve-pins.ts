/** Looks up what the names of capabilities and values mean now, and uploads the bytes: from here on nothing asks the registry. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Refusal } from './errors.ts';
import { namesOf } from './item-pins.ts';
import { contentOf, newestOf, valuesOf } from './registry.ts';
import type { RegistryEntry, RegistryKind } from './registry-entry.ts';
import type { Addition } from './spec.ts';
import { bounded, formatPath, quote } from './spec-issue.ts';
import type { Pins } from './spec-pins.ts';
import { SpecRefused } from './spec-refused.ts';
import type { Transport } from './transport.ts';

type Spec = Pick<Addition, 'defaults' | 'items' | 'pins'>;
type Registry = Pick<Transport, 'registry' | 'putUpload'>;

/**
 * What the spec pins itself stays as it is. Throws SpecRefused with every name that nothing is registered under, before anything is
 * uploaded, and what reading the registry throws.
 */
export async function resolvePins<S extends Spec>(transport: Registry, spec: S): Promise<S> {
  const capabilities = await lookUp(transport, spec, 'capabilities', 'capability');
  const values = await lookUp(transport, spec, 'values', 'values');
  const refusals = [...capabilities.refusals, ...values.refusals];
  if (refusals.length > 0) throw new SpecRefused(bounded(refusals));
  if (capabilities.found.size + values.found.size === 0) return spec;
  const sets: [string, NonNullable<Pins['values']>[string]][] = [];
  for (const [name, { sha256 }] of values.found) {
    sets.push([name, { sha256, env: await valuesOf(transport.registry, sha256) }]);
  }
  for (const entry of capabilities.found.values()) await upload(transport, entry);
  const folders = [...capabilities.found].map(([name, { sha256, sizeBytes }]) => [name, { sha256, sizeBytes }]);
  const { pins } = spec;
  return {
    ...spec,
    pins: {
      ...(folders.length === 0 && pins?.capabilities === undefined
        ? {}
        : { capabilities: { ...Object.fromEntries(folders), ...pins?.capabilities } }),
      ...(sets.length === 0 && pins?.values === undefined
        ? {}
        : { values: { ...Object.fromEntries(sets), ...pins?.values } }),
    },
  };
}

/** Each name once: all items of the spec get the same. */
async function lookUp(
  { registry }: Registry,
  { items, defaults, pins }: Spec,
  list: 'capabilities' | 'values',
  kind: RegistryKind,
): Promise<{ found: Map<string, RegistryEntry>; refusals: Refusal[] }> {
  const found = new Map<string, RegistryEntry>();
  const refusals: Refusal[] = [];
  const seen = new Set(Object.keys(pins?.[list] ?? {}));
  for (const [n, item] of items.entries()) {
    for (const name of namesOf(list, item, defaults)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const entry = await newestOf(registry, kind, name);
      if (entry !== null) found.set(name, entry);
      else refusals.push(unknown(formatPath(['spec', 'items', n, list]), kind, name));
    }
  }
  return { found, refusals };
}

function unknown(path: string, kind: RegistryKind, name: string): Refusal {
  const problem = `no ${kind} ${quote(name)} is registered`;
  const fix = `Register it: \`waybill register ${kind} <path> --name ${name}\`, or see \`waybill registry list\`.`;
  return { code: 'SPEC_UNKNOWN_REFERENCE', path, problem, fix };
}

async function upload(transport: Registry, { sha256 }: RegistryEntry): Promise<void> {
  const bytes = await contentOf(transport.registry, sha256);
  const folder = await mkdtemp(join(tmpdir(), 'waybill-capability-'));
  try {
    await writeFile(join(folder, 'archive'), bytes);
    await transport.putUpload(sha256, join(folder, 'archive'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
