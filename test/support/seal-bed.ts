/** Runs that the sequencer has not seen yet, and what it needs to seal them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { deriveRunId } from '@waybill/verify';
import { type ItemRow, keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { dispatch } from '#flow/dispatch.ts';
import { takeIn } from '#flow/inbox.ts';
import { settle } from '#flow/settle.ts';
import { beginOnce, type SealDuties } from '#lambdas/seal/sequence-messages.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { PRINCIPAL, putInbox } from './embedded-flow.ts';
import type { HandlerBed } from './handler-bed.ts';
import { runOf } from './run-spec.ts';

export function sealDuties({ flow }: HandlerBed): SealDuties {
  return {
    flow,
    keysInForce: keysInForce(flow),
    settings: { format: 'waybill-settings/v1' },
    heartbeatMs: 3_600_000,
    begin: beginOnce(flow),
  };
}

/** Runs of one item that has succeeded; nothing of them is in the log yet. */
export async function endedRuns(bed: HandlerBed, names: string[]): Promise<string[]> {
  for (const name of names) putInbox(bed.directory, 'default', name, JSON.stringify(runOf([{ id: 'x' }])));
  await takeIn(bed.flow, (_object, error) => {
    throw error;
  });
  await advance(bed.flow, 'default');
  const runs = names.map((name) => deriveRunId(PRINCIPAL, name));
  for (const run of runs) {
    const id = (await bed.row<ItemRow>(keys.item(run, 'x'))).attempts[0]?.id ?? '';
    await dispatch(bed.flow, id);
    await new Promise((resolve) => setImmediate(resolve));
    await settle(bed.flow, id);
  }
  bed.calls.length = 0;
  return runs;
}

export const isSealed = ({ directory }: HandlerBed, run: string): boolean =>
  existsSync(join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`));
