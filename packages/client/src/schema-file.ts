/**
 * The published JSON Schemas of run specs, flows, extensions and schedules, generated so that editors complete exactly what the parser accepts.
 * `node src/schema-file.ts` prints them; `--write` stores them; `--check` exits 1 when a stored file is not what it prints.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import * as z from 'zod';
import { flowPartSchema, flowSchema, useFields } from './flow.ts';
import { LIMITS } from './limits.ts';
import { packSchema } from './pack-format.ts';
import { scheduleSchema } from './schedule.ts';
import { extensionSchema, itemSchema, runSchema } from './spec.ts';
import { closed } from './spec-fields.ts';

interface PublishedSchema {
  /** Of the file, and of the id. */
  name: string;
  title: string;
  schema: z.ZodType;
}

/** With what the client resolves before an engine sees it. */
const writtenItem = closed({ ...itemSchema.shape, ...useFields });

const writtenRun = runSchema.extend({
  spec: runSchema.shape.spec.extend({ items: z.array(writtenItem).min(1).max(LIMITS.items) }),
});

const writtenExtension = extensionSchema.extend({
  spec: extensionSchema.shape.spec.extend({ items: z.array(writtenItem).min(1).max(LIMITS.itemsPerExtension) }),
});

export const PUBLISHED: readonly PublishedSchema[] = [
  { name: 'run-v1', title: 'Waybill run spec v1', schema: writtenRun },
  { name: 'flow-v1', title: 'Waybill flow v1', schema: flowSchema },
  { name: 'flow-part-v1', title: 'Waybill flow part v1', schema: flowPartSchema },
  { name: 'pack-v1', title: 'Waybill pack v1', schema: packSchema },
  { name: 'extension-v1', title: 'Waybill extension v1', schema: writtenExtension },
  { name: 'schedule-v1', title: 'Waybill schedule v1', schema: scheduleSchema },
];

export function schemaFile({ name }: PublishedSchema): URL {
  return new URL(`../schema/${name}.schema.json`, import.meta.url);
}

/** Short lists stand on one line, as the formatter of this repository wants them. */
const LIST_OF_WORDS = /\[\n(?:\s+"[^"\n]*",?\n)+\s+\]/g;

/** Draft 7, which the YAML and JSON language servers of editors know best. */
export function schemaText({ name, title, schema }: PublishedSchema): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
  const head = { $schema, $id: `https://waybill.dev/schema/${name}.json`, title };
  const text = JSON.stringify({ ...head, ...rest }, null, 2);
  return `${text.replace(LIST_OF_WORDS, (list) => list.replace(/\n\s*/g, '').replaceAll('","', '", "'))}\n`;
}

function main(flags: readonly string[]): number {
  const [isWriting, isChecking] = ['--write', '--check'].map((flag) => flags.includes(flag));
  const stale = PUBLISHED.filter((one) => {
    if (isWriting) writeFileSync(schemaFile(one), schemaText(one));
    else if (!isChecking) process.stdout.write(schemaText(one));
    return isChecking && readFileSync(schemaFile(one), 'utf8') !== schemaText(one);
  });
  if (stale.length === 0) return 0;
  const names = stale.map(({ name }) => name).join(', ');
  process.stderr.write(`stale: ${names}; run \`node packages/client/src/schema-file.ts --write\`\n`);
  return 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
