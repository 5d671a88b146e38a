/**
 * The published JSON Schema of run specs, generated so that editors complete exactly what the parser accepts.
 * `node src/schema-file.ts` prints it; `--write` stores it; `--check` exits 1 when the stored file is not what it prints.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import * as z from 'zod';
import { runSchema } from './spec.ts';

const SCHEMA_ID = 'https://waybill.dev/schema/run-v1.json';

export const SCHEMA_FILE: URL = new URL('../schema/run-v1.schema.json', import.meta.url);

/** Short lists stand on one line, as the formatter of this repository wants them. */
const LIST_OF_WORDS = /\[\n(?:\s+"[^"\n]*",?\n)+\s+\]/g;

/** Draft 7, which the YAML and JSON language servers of editors know best. */
export function schemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(runSchema, { target: 'draft-7', io: 'input' });
  const head = { $schema, $id: SCHEMA_ID, title: 'Waybill run spec v1' };
  const text = JSON.stringify({ ...head, ...schema }, null, 2);
  return `${text.replace(LIST_OF_WORDS, (list) => list.replace(/\n\s*/g, '').replaceAll('","', '", "'))}\n`;
}

function main(flags: readonly string[]): number {
  const text = schemaText();
  if (flags.includes('--write')) {
    writeFileSync(SCHEMA_FILE, text);
    return 0;
  }
  if (!flags.includes('--check')) {
    process.stdout.write(text);
    return 0;
  }
  if (readFileSync(SCHEMA_FILE, 'utf8') === text) return 0;
  process.stderr.write('run-v1.schema.json is stale: run `node packages/client/src/schema-file.ts --write`\n');
  return 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
