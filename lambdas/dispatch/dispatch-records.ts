/** Dispatch: attempts that hold their claim, from the table's stream. */
import type { FlowDeps } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';
import { askedBy, Retries } from '#lambdas/shared/stream.ts';
import type { Told } from '#lambdas/shared/told.ts';

export interface DispatchDuties {
  flow: FlowDeps;
  keysInForce(): Promise<void>;
}

/** Beside each other: attempts share no row here, and each waits for its signature and its launch. */
export async function dispatchRecords(duties: DispatchDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const { flow } = duties;
  const asked = askedBy(event, told);
  const retries = new Retries(told);
  const claimed = asked.flatMap(({ work, sequenceNumber }) =>
    work.do === 'dispatch' ? [{ work, sequenceNumber }] : [],
  );
  if (claimed.length === 0) return retries.response();
  await duties.keysInForce();
  await Promise.all(claimed.map((each) => retries.attempt(each, () => dispatch(flow, each.work.attemptId))));
  return retries.response();
}
