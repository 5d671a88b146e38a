/** What the tests of the reconciler share: its duties on local adapters, and a run with one attempt. */
import { deriveRunId } from '@waybill/verify';
import { DEFAULT_CAPS } from '#core/purse.ts';
import { type ItemRow, keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { takeIn } from '#flow/inbox.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { PRINCIPAL, putInbox } from './embedded-flow.ts';
import { type HandlerBed, keepingQueue } from './handler-bed.ts';
import { runOf } from './run-spec.ts';

export const TICK = { source: 'aws.events', 'detail-type': 'Scheduled Event' };

export function dutiesOf({ flow }: HandlerBed) {
  return {
    flow,
    glances: flow.mailbox,
    keysInForce: keysInForce(flow),
    queues: { default: { concurrency: 4 }, more: { concurrency: 1 } },
    caps: DEFAULT_CAPS,
    submissions: keepingQueue(),
    sequencer: keepingQueue(),
    timers: keepingQueue(),
    callbacks: keepingQueue(),
    arrivalOf: ({ key }: { key: string }) => ({ key }),
  };
}

/** A run with one claimed attempt, which nobody dispatches. */
export async function claimed(bed: HandlerBed): Promise<{ run: string; attemptId: string }> {
  putInbox(bed.directory, 'default', 's', JSON.stringify(runOf([{ id: 'x' }])));
  await takeIn(bed.flow, () => {});
  await advance(bed.flow, 'default');
  const run = deriveRunId(PRINCIPAL, 's');
  const { attempts } = await bed.row<ItemRow>(keys.item(run, 'x'));
  return { run, attemptId: attempts[0]?.id ?? '' };
}

export async function stateOf(bed: HandlerBed, attemptId: string): Promise<unknown> {
  const [row] = await bed.flow.store.get([keys.attempt(attemptId)]);
  return row?.body.state;
}
