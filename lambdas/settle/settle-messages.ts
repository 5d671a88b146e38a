/** Settle: a result was staged, a task stopped, or an execution failed. Whichever comes second changes nothing. */
import * as z from 'zod/mini';
import { attemptOf } from '#adapters/aws/staging-names.ts';
import { stopNoticeOf } from '#adapters/aws/stop-notice.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { peek } from '#flow/transaction.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { isTried, objectsCreated, objectsOf } from '#lambdas/shared/platform-events.ts';
import type { Told } from '#lambdas/shared/told.ts';

export interface SettleDuties {
  flow: FlowDeps;
  keysInForce(): Promise<void>;
}

const workerEnded = z.object({
  'detail-type': z.enum(['ECS Task State Change', 'Step Functions Execution Status Change']),
  detail: z.looseObject({}),
});
/** Of an attempt, as a message has it. */
interface End {
  attemptId: string;
  settle(): Promise<unknown>;
}

const settleEvent = z.union([objectsCreated, workerEnded]);

export async function settleMessages(duties: SettleDuties, event: unknown, told: Told): Promise<BatchResponse> {
  if (isTried(event)) return { batchItemFailures: [] };
  await duties.keysInForce();
  const turns = new Map<string, ReturnType<typeof createLane>>();
  return eachMessage(event, settleEvent, told, async (message) => {
    for (const { attemptId, settle: settled } of endsOf(duties.flow, message)) {
      const turn = turns.get(attemptId) ?? createLane();
      turns.set(attemptId, turn);
      await turn(settled);
    }
  });
}

/** A result and the end of its task come at nearly the same time: the second of them must find what the first has done. */
function endsOf(flow: FlowDeps, message: z.output<typeof settleEvent>): End[] {
  if (!('detail-type' in message)) {
    return objectsOf(message).flatMap(({ key }) => {
      const attemptId = attemptOf('result', key);
      return attemptId === null ? [] : [{ attemptId, settle: () => settle(flow, attemptId) }];
    });
  }
  const notice = stopNoticeOf(message);
  if (notice === null) return [];
  const { attemptId } = notice;
  const settled = async (): Promise<void> => {
    if (!(await isBeingSettled(flow, attemptId))) await settleStopped(flow, notice);
  };
  return [{ attemptId, settle: settled }];
}

/**
 * A worker ends when it has staged its result, whose own event is being worked on then: both would store and sign the same,
 * and one of them for nothing. Where that event was lost, the reconciler finds the result when a beat is overdue.
 */
async function isBeingSettled(flow: FlowDeps, attemptId: string): Promise<boolean> {
  const attempt = await peek<AttemptRow>(flow, keys.attempt(attemptId));
  if (attempt?.state !== 'dispatched') return false;
  return (await flow.mailbox.staged(attemptId, 'result')).result !== null;
}
