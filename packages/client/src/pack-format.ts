/**
 * Pack v1 as its author writes it: shapes, each a pipeline with parameters, the types of what it takes and leaves, and the
 * files of the folder that it uses. Plain data: nothing of a pack is loaded into the client or the engine.
 */
import * as z from 'zod';
import { LIMITS, PACK_LIMITS } from './limits.ts';
import { API_VERSION, itemSchema } from './spec.ts';
import { closed, inputName, name, record, relativePath } from './spec-fields.ts';
import { says } from './spec-issue.ts';
import { outputStart } from './spec-needs.ts';
import { OUTPUT_KINDS } from './spec-outputs.ts';

const description = z.string().min(1).max(PACK_LIMITS.descriptionChars);

const paramName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, {
  error: says('it is no name of a parameter', 'Use lower-case letters, digits and `_`, starting with a letter.'),
});

const text = z.string().max(LIMITS.envValueBytes);
const number = { min: z.number().optional(), max: z.number().optional(), default: z.number().optional() };

const param = z.discriminatedUnion('type', [
  closed({
    type: z.literal('text'),
    description,
    default: text.optional(),
    choices: z.array(text).min(1).max(PACK_LIMITS.entries).optional(),
    maxLength: z.int().min(1).max(LIMITS.envValueBytes).optional(),
  }),
  closed({ type: z.literal('number'), description, ...number }),
  closed({ type: z.literal('integer'), description, ...number }),
  closed({ type: z.literal('boolean'), description, default: z.boolean().optional() }),
]);

/** Of a pack: a file, or how a name below its folder begins. */
const packPath = relativePath('no file of the pack', 'Write a path relative to pack.yaml.');

const schema = z
  .union([packPath, z.record(z.string(), z.unknown())], {
    error: says('it is no schema', 'Write a JSON Schema, or the path of a file of the pack that holds one.'),
  })
  .optional();

const kind = z.enum(OUTPUT_KINDS);

const input = closed({
  kind: kind.optional().describe('Anything, when it is left out.'),
  schema,
  description: description.optional(),
  optional: z.boolean().optional(),
  many: z.boolean().optional().describe('One of each item that another becomes: `<name>.001`, `<name>.002`.'),
});

const output = closed({ kind, schema, description: description.optional() });

const shape = closed({
  description,
  params: record(paramName, param, PACK_LIMITS.entries).optional(),
  inputs: record(inputName, input, PACK_LIMITS.entries).optional().describe('By file name under inputs/.'),
  outputs: record(outputStart, output, LIMITS.typedOutputs).optional().describe('By path under outputs/.'),
  files: record(inputName, packPath, PACK_LIMITS.entries)
    .optional()
    .describe('Files of the pack that it is given, by file name under inputs/.'),
  effect: itemSchema.shape.effect,
  timeout: itemSchema.shape.timeout,
  pipeline: z
    .array(z.record(z.string(), z.unknown()))
    .min(1)
    .max(LIMITS.blocksPerPipeline)
    .describe(
      'As in a run spec. `{{param <name>}}` stands for a parameter, but in a shell script: there it is `$PARAM_<NAME>`. A `prompt` may be `{ file: <path in the pack> }`.',
    ),
});

export const packSchema = closed({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Pack'),
  metadata: closed({ name, description }),
  shapes: record(name, shape, PACK_LIMITS.entries),
});

export type WrittenPack = z.infer<typeof packSchema>;
export type WrittenShape = WrittenPack['shapes'][string];
export type ShapeParam = NonNullable<WrittenShape['params']>[string];
export type ShapeInput = NonNullable<WrittenShape['inputs']>[string];
