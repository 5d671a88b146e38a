import { type ParsedRun, parseRun } from './parse-spec.ts';
import { readYaml } from './read-yaml.ts';

/** Reads a run spec as a person writes it, in YAML or JSON. Refusals are those of `parseRun`. */
export function parseWrittenRun(bytes: Uint8Array): ParsedRun {
  return parseRun(bytes, readYaml);
}
