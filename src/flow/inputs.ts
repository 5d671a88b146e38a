/** What an attempt is given: outputs of items before it, by digest. */
import type { PlanNeed } from '@waybill/client/plan';
import { branchIds, type ManifestInput, spreadNeeds } from '@waybill/verify';
import { type ItemRow, keys, type SpecRow } from '#core/rows.ts';
import { leftBy } from '#core/upstream.ts';
import type { Draft } from '#flow/transaction.ts';

/** The digests behind the needs, from the first upstream item that has the output; or which one is missing. */
export async function resolveInputs(
  draft: Draft,
  run: string,
  planned: PlanNeed[],
): Promise<{ found: ManifestInput[] } | { missing: string }> {
  const found: ManifestInput[] = [];
  const needs = planned.some(({ each }) => each) ? await spread(draft, run, planned) : planned;
  await draft.read(needs.flatMap(({ from }) => from.map((item) => keys.item(run, item))));
  for (const need of needs) {
    const output = need.select === 'patch' ? 'patch' : `outputs/${need.select.output}`;
    const input = await findOutput(draft, run, need, output);
    if (!input) return { missing: `needs.${need.key}: ${need.from.join(', ')} left no output "${output}"` };
    found.push(input);
  }
  return { found };
}

/** From each of what an item became that is done: another one ended in a way that the plan lets pass. */
async function spread(draft: Draft, run: string, needs: PlanNeed[]): Promise<PlanNeed[]> {
  const many = needs.flatMap(({ from, each }) => (each ? from : []));
  const specs = await draft.read<SpecRow>(many.map((id) => keys.spec(run, id)));
  const branches = new Map(many.map((id, n) => [id, branchIds(id, specs[n]?.branches ?? 0)]));
  const ids = [...branches.values()].flat();
  const rows = await draft.read<ItemRow>(ids.map((id) => keys.item(run, id)));
  const done = new Set(ids.filter((_id, n) => rows[n]?.state === 'done'));
  return spreadNeeds(
    needs,
    (id) => branches.get(id) ?? null,
    (id) => done.has(id),
  );
}

async function findOutput(draft: Draft, run: string, need: PlanNeed, output: string): Promise<ManifestInput | null> {
  for (const item of need.from) {
    const row = await draft.readOne<ItemRow>(keys.item(run, item));
    const last = row === null ? undefined : leftBy(row);
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
