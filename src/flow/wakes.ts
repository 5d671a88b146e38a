/** Wake rows of a run that is over: whom they would have told has ended too, or is ended with the run. */
import type { FlowDeps } from '#flow/deps.ts';
import { forget } from '#flow/transaction.ts';

const PAGE = 200;

export async function forgetWakes(deps: FlowDeps, run: string): Promise<void> {
  let rows = await deps.store.query(`run/${run}`, { prefix: 'wake/', limit: PAGE });
  while (rows.length > 0) {
    for (const row of rows) await forget(deps, row);
    rows = await deps.store.query(`run/${run}`, { prefix: 'wake/', limit: PAGE });
  }
}
