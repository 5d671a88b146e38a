/** Settle: a result was staged, a task stopped, or an execution failed. Whichever comes second changes nothing. */
import * as z from 'zod/mini';
import type { FlowDeps } from '#flow/deps.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { objectCreated } from '#lambdas/shared/platform-events.ts';
import type { Told } from '#lambdas/shared/told.ts';
import { executionEnded, noticeOfExecution, noticeOfTask, taskStopped } from './stop-notice.ts';

export interface SettleDuties {
  flow: FlowDeps;
  keysInForce(): Promise<void>;
}

const RESULT = /^([0-9a-f]{32})\/[0-9a-f]{32}\/result\.json$/;
const settleEvent = z.union([objectCreated, taskStopped, executionEnded]);

export async function settleMessages(duties: SettleDuties, event: unknown, told: Told): Promise<BatchResponse> {
  await duties.keysInForce();
  return eachMessage(event, settleEvent, told, (message) => settleOne(duties.flow, message));
}

async function settleOne(flow: FlowDeps, message: z.output<typeof settleEvent>): Promise<void> {
  if (message['detail-type'] === 'Object Created') {
    const attemptId = RESULT.exec(message.detail.object.key)?.[1];
    if (attemptId !== undefined) await settle(flow, attemptId);
    return;
  }
  const isTask = message['detail-type'] === 'ECS Task State Change';
  const notice = isTask ? noticeOfTask(message) : noticeOfExecution(message);
  if (notice !== null) await settleStopped(flow, notice);
}
