/** What an attempt is given: outputs of items before it, by digest. */
import type { PlanNeed } from '@waybill/client/plan';
import type { ManifestInput } from '@waybill/verify';
import { type ItemRow, keys } from '#core/rows.ts';
import type { Draft } from '#flow/transaction.ts';

/** The digests behind the needs, from the first upstream item that has the output; or which one is missing. */
export async function resolveInputs(
  draft: Draft,
  run: string,
  needs: PlanNeed[],
): Promise<{ found: ManifestInput[] } | { missing: string }> {
  const found: ManifestInput[] = [];
  await draft.read(needs.flatMap(({ from }) => from.map((item) => keys.item(run, item))));
  for (const need of needs) {
    const output = need.select === 'patch' ? 'patch' : `outputs/${need.select.output}`;
    const input = await findOutput(draft, run, need, output);
    if (!input) return { missing: `needs.${need.key}: ${need.from.join(', ')} left no output "${output}"` };
    found.push(input);
  }
  return { found };
}

async function findOutput(draft: Draft, run: string, need: PlanNeed, output: string): Promise<ManifestInput | null> {
  for (const item of need.from) {
    const row = await draft.readOne<ItemRow>(keys.item(run, item));
    const last = row?.state === 'done' ? row.attempts.at(-1) : undefined;
    const ref = last?.outputs.find(({ name }) => name === output);
    if (!last || !ref) continue;
    return {
      key: need.key,
      sha256: ref.sha256,
      sizeBytes: ref.sizeBytes,
      from: { item, attempt: last.attempt, output },
    };
  }
  return null;
}
