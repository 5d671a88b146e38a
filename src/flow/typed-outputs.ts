/** Typed outputs: what an attempt that has succeeded left is held to what its item declares, before the item is done. */
import type { OutputRef } from '@waybill/client/documents';
import { concatBytes, declaredOutputs, type InvalidOutput } from '@waybill/verify';
import type { Ending } from '#core/attempt.ts';
import { type AttemptRow, keys, type SpecRow } from '#core/rows.ts';
import { MAX_TYPED_BYTES, MAX_TYPED_STEPS, type Unfit, unfitness } from '#core/typed-values.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';

type Declared = NonNullable<SpecRow['item']['outputs']>;

const OUTPUT_INVALID: Ending = { outcome: 'contract_error', reason: 'output_invalid' };

export interface Refused {
  ending: Ending;
  invalid: InvalidOutput;
  /** For people. */
  detail: string;
}

/** Null: everything that the item declares is there, and of its type. What is not declared may be there too. */
export async function refuseUntyped(
  deps: FlowDeps,
  { run, item, typed }: Pick<AttemptRow, 'run' | 'item' | 'typed'>,
  left: readonly OutputRef[],
): Promise<Refused | null> {
  if (typed === undefined) return null;
  const spec = await peek<SpecRow>(deps, keys.spec(run, item));
  const invalid = await firstInvalid(deps, spec?.item.outputs ?? [], left);
  return invalid === null ? null : { ending: OUTPUT_INVALID, invalid, detail: detailOf(invalid) };
}

async function firstInvalid(
  deps: FlowDeps,
  declared: Declared,
  left: readonly OutputRef[],
): Promise<InvalidOutput | null> {
  let bytesLeft = MAX_TYPED_BYTES;
  const steps = { left: MAX_TYPED_STEPS };
  for (const { name, kind, schema } of declared) {
    const names = new Set(
      declaredOutputs(
        name,
        kind,
        left.map((one) => one.name),
      ),
    );
    if (names.size === 0) return { output: name, problem: 'missing' };
    if (schema === undefined || (kind !== 'json' && kind !== 'jsonl')) continue;
    for (const output of left.filter((one) => names.has(one.name))) {
      bytesLeft -= output.sizeBytes;
      const unfit: Unfit | null =
        bytesLeft < 0 ? { problem: 'too_large' } : unfitness(kind, schema, await bytesOf(deps, output), steps);
      if (unfit !== null) return { output: name, ...unfit };
    }
  }
  return null;
}

async function bytesOf({ artifacts }: FlowDeps, { sha256 }: OutputRef): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await artifacts.open(sha256)) chunks.push(chunk);
  return concatBytes(chunks);
}

function detailOf({ output, problem, rule, line }: InvalidOutput): string {
  const where = line === undefined ? output : `${output}, line ${line}`;
  if (problem === 'schema') return `${where}: it breaks ${rule} of the schema that the item declares`;
  if (problem === 'not_json') return `${where}: it is no JSON`;
  if (problem === 'missing') return `${where}: the item declares it, and it was not captured`;
  const most = `${MAX_TYPED_BYTES} bytes, or ${MAX_TYPED_STEPS} steps of judging them`;
  return `${where}: with it, outputs that have a schema are over ${most}; a larger one may declare its kind alone`;
}
