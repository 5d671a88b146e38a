/** Turns: whoever looks at so many rows of a partition at a time goes on where they stopped, and begins again at its end. */
import { keys, type TurnRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { decide, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

/** Those that `whose` looked at longest ago. They count as looked at once `turnTaken` has said so. */
export async function nextRows(deps: FlowDeps, pk: string, whose: string, limit: number): Promise<Row[]> {
  const after = (await peek<TurnRow>(deps, keys.turn(whose)))?.after;
  const behind = await deps.store.query(pk, { prefix: '', limit, ...(after === undefined ? {} : { after }) });
  const missing = limit - behind.length;
  const around = after === undefined || missing === 0 ? [] : await deps.store.query(pk, { prefix: '', limit: missing });
  return [...behind, ...around.filter(({ sk }) => sk <= (after ?? ''))];
}

/** `whose` has looked at the rows of nextRows up to this one; without one it has looked at none. */
export async function turnTaken(deps: FlowDeps, whose: string, last: string | undefined): Promise<void> {
  if (last === undefined) return;
  await decide(deps, async (draft) => {
    await draft.readOne<TurnRow>(keys.turn(whose));
    draft.put(keys.turn(whose), { after: last } satisfies TurnRow);
  });
}
