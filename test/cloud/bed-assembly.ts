/** The synthesized assembly as the wiring bed can deploy it: the same templates without the resource types that it does not know. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
}

export interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, unknown>;
}

/** Every logical id that a value refers to, by Ref, GetAtt or Sub. */
function referred(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const one of value) referred(one, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'Ref' && typeof inner === 'string') found.add(inner);
      else if (key === 'Fn::GetAtt' && Array.isArray(inner)) found.add(String(inner[0]));
      else referred(inner, found);
    }
  }
  return found;
}

/**
 * @returns the template without resources of those types
 * @throws TypeError when something that stays refers to something that goes
 */
export function withoutTypes(template: Template, types: ReadonlySet<string>): Template {
  const entries = Object.entries(template.Resources);
  const gone = new Set(entries.filter(([, { Type }]) => types.has(Type)).map(([id]) => id));
  const kept = entries
    .filter(([id]) => !gone.has(id))
    .map(([id, { DependsOn, ...resource }]): [string, Resource] => {
      const needs = [DependsOn ?? []].flat().filter((other) => !gone.has(other));
      return [id, needs.length === 0 ? resource : { ...resource, DependsOn: needs }];
    });
  for (const [id, { Properties }] of kept) {
    const broken = [...referred(Properties)].filter((other) => gone.has(other));
    if (broken.length > 0) throw new TypeError(`${id} refers to ${broken.join(', ')}, which the bed does not know`);
  }
  return { ...template, Resources: Object.fromEntries(kept) };
}

export function templatesOf(assembly: string): Map<string, Template> {
  const files = readdirSync(assembly).filter((file) => file.endsWith('.template.json'));
  return new Map(files.map((file) => [file, JSON.parse(readFileSync(join(assembly, file), 'utf8'))]));
}

/**
 * Rewrites the templates of an assembly in place. A template is published under the digest of its bytes, which the manifests
 * name, so that changes too.
 */
export function stripAssembly(assembly: string, types: ReadonlySet<string>): void {
  const manifest = join(assembly, 'manifest.json');
  for (const [file, template] of templatesOf(assembly)) {
    const bytes = JSON.stringify(withoutTypes(template, types));
    writeFileSync(join(assembly, file), bytes);
    const assets = join(assembly, file.replace('.template.json', '.assets.json'));
    const { files } = JSON.parse(readFileSync(assets, 'utf8')) as {
      files: Record<string, { source: { path: string } }>;
    };
    const before = Object.keys(files).find((digest) => files[digest]?.source.path === file) ?? '';
    const digest = createHash('sha256').update(bytes).digest('hex');
    for (const named of [assets, manifest]) {
      writeFileSync(named, readFileSync(named, 'utf8').replaceAll(before, digest));
    }
  }
}
