/** Settle: a result was staged, a task stopped, or an execution failed. Whichever comes second changes nothing. */
import * as z from 'zod/mini';
import { attemptOfResult } from '#adapters/aws/staging-names.ts';
import { stopNoticeOf } from '#adapters/aws/stop-notice.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { peek } from '#flow/transaction.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { objectCreated } from '#lambdas/shared/platform-events.ts';
import type { Told } from '#lambdas/shared/told.ts';

export interface SettleDuties {
  flow: FlowDeps;
  keysInForce(): Promise<void>;
}

const workerEnded = z.object({
  'detail-type': z.enum(['ECS Task State Change', 'Step Functions Execution Status Change']),
  detail: z.looseObject({}),
});
const settleEvent = z.union([objectCreated, workerEnded]);

export async function settleMessages(duties: SettleDuties, event: unknown, told: Told): Promise<BatchResponse> {
  await duties.keysInForce();
  const turns = new Map<string, ReturnType<typeof createLane>>();
  return eachMessage(event, settleEvent, told, async (message) => {
    const end = endOf(duties.flow, message);
    if (end === null) return;
    const turn = turns.get(end.attemptId) ?? createLane();
    turns.set(end.attemptId, turn);
    await turn(end.settle);
  });
}

/** A result and the end of its task come at nearly the same time: the second of them must find what the first has done. */
function endOf(
  flow: FlowDeps,
  message: z.output<typeof settleEvent>,
): { attemptId: string; settle(): Promise<unknown> } | null {
  if (message['detail-type'] === 'Object Created') {
    const attemptId = attemptOfResult(message.detail.object.key);
    return attemptId === null ? null : { attemptId, settle: () => settle(flow, attemptId) };
  }
  const notice = stopNoticeOf(message);
  if (notice === null) return null;
  const { attemptId } = notice;
  return {
    attemptId,
    settle: async () => {
      if (!(await isBeingSettled(flow, attemptId))) await settleStopped(flow, notice);
    },
  };
}

/**
 * A worker ends when it has staged its result, whose own event is being worked on then: both would store and sign the same,
 * and one of them for nothing. Where that event was lost, the reconciler finds the result within a minute.
 */
async function isBeingSettled(flow: FlowDeps, attemptId: string): Promise<boolean> {
  const attempt = await peek<AttemptRow>(flow, keys.attempt(attemptId));
  if (attempt?.state !== 'dispatched') return false;
  return (await flow.mailbox.staged(attemptId)).result !== null;
}
