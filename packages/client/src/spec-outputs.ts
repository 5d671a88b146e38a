/** What an item declares that it leaves, and the registered pipeline that it comes from. */
import { canonicalize, digestOf, type PlannedShape, SHAPE_NAME } from '@waybill/verify';
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import type { PlanEntry, PlanItem } from './plan.ts';
import { closed, record } from './spec-fields.ts';
import { says } from './spec-issue.ts';
import { outputStart } from './spec-needs.ts';
import { digest } from './spec-source.ts';

export const OUTPUT_KINDS = ['csv', 'json', 'jsonl', 'patch', 'text'] as const;

/** What is wrong with the schema itself the client says, and whoever would judge by it looks again. */
export const declaredOutputs = record(
  outputStart,
  closed({
    kind: z.enum(OUTPUT_KINDS),
    schema: z.record(z.string(), z.unknown()).optional(),
  }).refine(({ kind, schema }) => schema === undefined || kind === 'json' || kind === 'jsonl', {
    path: ['schema'],
    error: says('only JSON has a schema', 'Write `kind: json` or `kind: jsonl`, or leave it out.'),
  }),
  LIMITS.typedOutputs,
).describe('What it must leave to be done, by path under outputs/; `parts/` is all below it, `patch` the patch.');

/** Set by the client, which resolves `uses`. */
export const shapePin = closed({
  name: z.string().regex(SHAPE_NAME),
  pack: digest,
  shape: digest,
}).describe('The registered pipeline that it runs, as the client has found it.');

export type DeclaredOutputs = z.infer<typeof declaredOutputs>;

/** A schema is kept as its canonical text: numbers of any size and kind have one form there. */
export function plannedTypes({ outputs, shape }: Written): Pick<PlanItem, 'outputs' | 'shape'> {
  const planned = Object.entries(outputs ?? {})
    .map(([path, { kind, schema }]) => ({
      name: path,
      kind,
      ...(schema === undefined ? {} : { schema: canonicalize(schema, { numbers: 'any' }) }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...(planned.length > 0 && { outputs: planned }), ...(shape && { shape: shape as PlannedShape }) };
}

/** As they are sealed. */
export function sealedTypes({ outputs, shape }: PlanItem): Pick<PlanEntry, 'outputs' | 'shape'> {
  const sealed = outputs?.map((one) =>
    one.schema === undefined ? { name: one.name, kind: one.kind } : { ...one, schema: digestOf(one.schema) },
  );
  return { ...(shape && { shape }), ...(sealed && { outputs: sealed }) };
}

interface Written {
  outputs?: DeclaredOutputs | undefined;
  shape?: z.infer<typeof shapePin> | undefined;
}
