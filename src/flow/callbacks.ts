/**
 * Callbacks: somebody outside is told once that a run has ended, or not at all. That it is about to be sent is written down before
 * it is, so that whoever finds that row after a crash knows that nobody may send it again.
 */
import { type CallbackRow, callbackKey, callbackText, isOver } from '#core/callback.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { readRun } from '#flow/items.ts';
import { decide } from '#flow/transaction.ts';
import type { Callbacks, Delivery } from '#ports/callbacks.ts';

const PAGE = 100;

/** Null when nothing is to be sent of the run: it asks for none, is not over, or its callback is in other hands. */
async function begin(deps: FlowDeps, run: string): Promise<{ endpoint: string; body: Uint8Array } | null> {
  return decide(deps, async (draft) => {
    const due = await draft.readOne<CallbackRow>(callbackKey(run));
    const row = await draft.readOne<RunRow>(keys.run(run));
    if (due?.state !== 'due' || row === null || !isOver(row)) return null;
    draft.put(callbackKey(run), { ...due, state: 'sending' } satisfies CallbackRow);
    return { endpoint: due.endpoint, body: new TextEncoder().encode(callbackText(deps.origin, run, row)) };
  });
}

async function conclude(deps: FlowDeps, run: string, { state, detail }: Delivery): Promise<void> {
  await decide(deps, async (draft) => {
    const sending = await draft.readOne<CallbackRow>(callbackKey(run));
    if (sending?.state !== 'sending') return;
    const { endpoint } = sending;
    draft.delete(callbackKey(run));
    draft.put(keys.run(run), {
      ...(await readRun(draft, run)),
      callback: { endpoint, state, detail },
    } satisfies RunRow);
  });
  deps.hints.runChanged(run);
}

/** Sends the callback of a run that is over, if it asks for one and nobody has. */
export async function callBack(deps: FlowDeps, callbacks: Callbacks, run: string): Promise<void> {
  const begun = await begin(deps, run);
  if (begun === null) return;
  await deps.store.durable();
  await conclude(deps, run, await callbacks.send(begun.endpoint, begun.body));
}

/**
 * Where a process begins that alone sends callbacks, and before it sends any: what became of those that an earlier one was sending
 * nobody knows.
 */
export async function giveUpCallbacks(deps: FlowDeps): Promise<void> {
  for (const run of await callbacksIn(deps, 'sending')) await conclude(deps, run, INTERRUPTED);
}

/** Sends what is due of runs that are over, however they ended: not every end comes by whoever seals. */
export async function sendCallbacks(deps: FlowDeps, callbacks: Callbacks): Promise<void> {
  const due = await callbacksIn(deps, 'due');
  for (let from = 0; from < due.length; from += PAGE) {
    const runs = due.slice(from, from + PAGE);
    const rows = await deps.store.get(runs.map((run) => keys.run(run)));
    const over = runs.filter((_run, n) => rows[n] && isOver(rows[n].body as unknown as RunRow));
    for (const run of over) await callBack(deps, callbacks, run);
  }
}

async function callbacksIn(deps: FlowDeps, state: CallbackRow['state']): Promise<string[]> {
  const runs: string[] = [];
  let after: string | undefined;
  do {
    const range = { prefix: '', limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(callbackKey('').pk, range);
    for (const { sk, body } of rows) if ((body as unknown as CallbackRow).state === state) runs.push(sk);
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
  return runs;
}

const INTERRUPTED: Delivery = { state: 'unknown', detail: 'the engine ended while it was being sent' };
