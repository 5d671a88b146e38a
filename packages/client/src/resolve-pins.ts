/** Looks up what the names of capabilities and values mean now, and uploads the bytes: from here on nothing asks the registry. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Refusal, TerminalError } from './errors.ts';
import { namesOf, placeOfNames } from './item-pins.ts';
import { newestOf } from './registry.ts';
import { contentOf, valuesOf } from './registry-content.ts';
import type { RegistryEntry, RegistryKind, RegistryObjects } from './registry-entry.ts';
import type { Addition } from './spec.ts';
import { bounded, formatPath, quote } from './spec-issue.ts';
import type { Pins } from './spec-pins.ts';
import { SpecRefused } from './spec-refused.ts';
import type { Transport } from './transport.ts';

type Spec = Pick<Addition, 'defaults' | 'items' | 'pins'> & { openEnded?: boolean | undefined };
type Registry = Pick<Transport, 'registry' | 'putUpload'>;

/** A name that has to be looked up, once for all items of the spec, and where the first of them says it. */
interface Asked {
  kind: RegistryKind;
  name: string;
  path: string;
}

interface Found extends Asked {
  entry: RegistryEntry;
}

/**
 * What the spec pins itself stays as it is. Throws SpecRefused with every name that nothing is registered under, or whose bytes are
 * lost, before anything is uploaded, and what reading the registry throws.
 */
export async function resolvePins<S extends Spec>(transport: Registry, spec: S): Promise<S> {
  if (askedNames(spec).length === 0) return spec;
  const place = await mkdtemp(join(tmpdir(), 'waybill-registered-'));
  try {
    return await pinned(transport, spec, place);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** @param place for what is read, once: nothing is uploaded before all of it is known to be whole */
async function pinned<S extends Spec>(transport: Registry, spec: S, place: string): Promise<S> {
  const fileOf = ({ sha256 }: RegistryEntry): string => join(place, sha256.slice('sha256:'.length));
  const sets: [string, NonNullable<Pins['values']>[string]][] = [];
  const { found, refusals } = await lookUp(transport.registry, spec, async (entry, content) => {
    if (content instanceof Uint8Array) await writeFile(fileOf(entry), content);
    else sets.push([entry.name, { sha256: entry.sha256, env: content }]);
  });
  if (refusals.length > 0) throw new SpecRefused(bounded(refusals));
  const folders: [string, NonNullable<Pins['capabilities']>[string]][] = [];
  for (const { name, entry } of found.filter(({ kind }) => kind === 'capability')) {
    await transport.putUpload(entry.sha256, fileOf(entry));
    folders.push([name, { sha256: entry.sha256, sizeBytes: entry.sizeBytes }]);
  }
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

/** Every name that has to be looked up: also those that only items take which are added to the run later. */
export function askedNames({ items, defaults, pins, openEnded }: Spec): Asked[] {
  const kinds = { capabilities: 'capability', values: 'values' } as const;
  return (['capabilities', 'values'] as const).flatMap((list) => {
    const seen = new Set(Object.keys(pins?.[list] ?? {}));
    const unseen = (names: readonly string[], at: PropertyKey[]): Asked[] =>
      names.flatMap((name) => {
        if (seen.has(name)) return [];
        seen.add(name);
        return [{ kind: kinds[list], name, path: formatPath(at) }];
      });
    return [
      ...items.flatMap((item, n) => unseen(namesOf(list, item, defaults), placeOfNames(list, item, n))),
      ...unseen((openEnded === true && defaults?.[list]) || [], ['spec', 'defaults', list]),
    ];
  });
}

/**
 * What the names mean now. Throws what reading the registry throws, and nothing for a name that is not there or damaged.
 * @param keep is given what each means, the bytes of a folder or values; it is forgotten otherwise: of all that a run names there may
 *   be more than fits into memory
 */
export async function lookUp(
  registry: RegistryObjects,
  spec: Spec,
  keep: (entry: RegistryEntry, content: Uint8Array | Record<string, string>) => Promise<void> = async () => {},
): Promise<{ found: Found[]; refusals: Refusal[] }> {
  const found: Found[] = [];
  const refusals: Refusal[] = [];
  for (const asked of askedNames(spec)) {
    try {
      const entry = await told(asked.path, () => newestOf(registry, asked.kind, asked.name));
      if (entry !== null) {
        await keep(entry, await told(asked.path, () => contentIn(registry, entry)));
        found.push({ ...asked, entry });
      } else refusals.push(unknown(asked));
    } catch (error) {
      if (!(error instanceof SpecRefused)) throw error;
      refusals.push(...error.refusals);
    }
  }
  return { found, refusals };
}

function contentIn(registry: RegistryObjects, entry: RegistryEntry): Promise<Uint8Array | Record<string, string>> {
  return (entry.kind === 'values' ? valuesOf : contentOf)(registry, entry);
}

function unknown({ path, kind, name }: Asked): Refusal {
  const problem = `no ${kind} ${quote(name)} is registered`;
  const fix = `Register it: \`waybill register ${kind} <path> --name ${name}\`, or see \`waybill registry list\`.`;
  return { code: 'SPEC_UNKNOWN_REFERENCE', path, problem, fix };
}

/** What is wrong with what is registered is told where the spec names it; that the store does not answer is not. */
async function told<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TerminalError) || !/^(?:OBJECT|SPEC|SOURCE)_/.test(error.code)) throw error;
    throw new SpecRefused([placed(path, error)]);
  }
}

function placed(path: string, { code, problem, fix }: Refusal): Refusal {
  return { code, path, problem, fix };
}
