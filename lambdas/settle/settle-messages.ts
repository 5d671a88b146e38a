/** Settle: a result was staged, a task stopped, or an execution failed. Whichever comes second changes nothing. */
import * as z from 'zod/mini';
import { attemptOfResult } from '#adapters/aws/staging-names.ts';
import { stopNoticeOf } from '#adapters/aws/stop-notice.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { settle, settleStopped } from '#flow/settle.ts';
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
  return eachMessage(event, settleEvent, told, (message) => settleOne(duties.flow, message));
}

async function settleOne(flow: FlowDeps, message: z.output<typeof settleEvent>): Promise<void> {
  if (message['detail-type'] === 'Object Created') {
    const attemptId = attemptOfResult(message.detail.object.key);
    if (attemptId !== null) await settle(flow, attemptId);
    return;
  }
  const notice = stopNoticeOf(message);
  if (notice !== null) await settleStopped(flow, notice);
}
