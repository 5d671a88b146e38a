/**
 * Statuses at a pace. Each change of a run asks for its status, which costs as much as the run has items; so it is written
 * at once when it was not for a while, and else once more when that while is over, however much has changed by then. The
 * end is not paced: whoever seals or aborts a run publishes its last status and comes back until that is done.
 *
 * Nothing is lost on the way. Whoever is told of a change comes after its commit, and finds either nobody who writes before
 * `nextMs`, or a message that comes then and reads what there is; the row is written again for each status, so whoever lost
 * the race for it looks anew. It says that a status is being written until that is done: a function that is cut off in
 * between leaves it so, and whoever comes next writes, changed or not.
 */
import type { RunStatus } from '@waybill/client/documents';
import { type Digest, digestOf } from '@waybill/verify';
import { keys, type RunRow, type ShownRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { prepareStatus, publishStatus } from '#flow/status.ts';
import { decide } from '#flow/transaction.ts';
import type { MessageQueue } from '#ports/message-queue.ts';
import { timerMessageFor } from './timer-messages.ts';

/** What a message is called that has the status of a run written. */
export const STATUS_TIMER = 'status/';

const PACE_MS = 5_000;
/** Reading ten thousand items is worth a minute and a half; so what statuses cost grows with what happens, not with both. */
const PACE_MS_PER_ITEM = 10;
/** Clocks of functions agree within this. */
const SKEW_MS = 100;
/** A message that has not come by then does not come. */
const OVERDUE_MS = 60_000;

export interface Showing {
  flow: FlowDeps;
  timers: MessageQueue;
}

/** Something of the run may have changed that its status shows. */
export async function showRun({ flow, timers }: Showing, run: string): Promise<void> {
  for (;;) {
    const [row, held] = await flow.store.get([keys.run(run), keys.shown(run)]);
    const state = row?.body as unknown as RunRow | undefined;
    const paced = (held?.body ?? null) as ShownRow | null;
    if (state === undefined || isTold(state)) return;
    if (paced !== null && flow.clock.nowMs() < paced.nextMs) return showLater({ flow, timers }, run, paced);
    const prepared = await prepareStatus(flow, run);
    if (prepared === null) return;
    const shown = digestWithoutTime(prepared.status);
    const isShown = paced?.shown === shown && paced.asked !== true && paced.writing !== true;
    const nextMs = flow.clock.nowMs() + PACE_MS + PACE_MS_PER_ITEM * state.items;
    const next: ShownRow = { nextMs, shown, ...(isShown ? {} : { writing: true }) };
    if (!(await replace(flow, run, paced, () => next))) continue;
    if (isShown) return;
    try {
      await publishStatus(flow, run, prepared);
      await replace(flow, run, next, ({ writing: _, ...written }) => written);
      return;
    } catch (error) {
      // The row says that it was written.
      await showLater({ flow, timers }, run, next);
      throw error;
    }
  }
}

/** Of a sealed run the sequencer has told, and nothing of it changes any more but what became of its callback, which is shown where that is bad. */
function isTold({ bundle, callback }: RunRow): boolean {
  return bundle !== undefined && (callback === undefined || callback.state === 'delivered');
}

/** Of these runs, those that were never shown, and those whose message should have come and did not. */
export async function unshownRuns({ store, clock }: FlowDeps, runs: readonly string[]): Promise<string[]> {
  const rows = await store.get(runs.map((run) => keys.shown(run)));
  return runs.filter((_, n) => {
    const paced = rows[n]?.body as ShownRow | undefined;
    if (paced === undefined) return true;
    return (paced.asked === true || paced.writing === true) && paced.nextMs + OVERDUE_MS < clock.nowMs();
  });
}

/** The message first: a row that says that there is one when there is none would be believed. */
async function showLater({ flow, timers }: Showing, run: string, paced: ShownRow): Promise<void> {
  const nowMs = flow.clock.nowMs();
  if (paced.asked === true && nowMs < paced.nextMs - SKEW_MS) return;
  const message = timerMessageFor({ dueMs: paced.nextMs, what: `${STATUS_TIMER}${run}` }, nowMs);
  if (message !== null) await timers.send([message]);
  await replace(flow, run, paced, (now) => ({ ...now, asked: true }));
}

/** False: somebody else has written one since `old`. */
function replace<Old extends ShownRow | null>(
  flow: FlowDeps,
  run: string,
  old: Old,
  next: (now: Old) => ShownRow,
): Promise<boolean> {
  return decide(flow, async (draft) => {
    const now = await draft.readOne<ShownRow>(keys.shown(run));
    if (now?.nextMs !== old?.nextMs) return false;
    draft.put(keys.shown(run), next(now as Old));
    return true;
  });
}

function digestWithoutTime(status: RunStatus): Digest {
  return digestOf(JSON.stringify({ ...status, at: '' }));
}
