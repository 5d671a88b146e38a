/**
 * Callbacks: somebody outside is told once that a run has ended, or not at all. That it is about to be sent is written down before
 * it is, so that whoever finds that row after a crash knows that nobody may send it again.
 */
import { type CallbackRow, callbackKey, callbackText, isOver } from '#core/callback.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { readRun } from '#flow/items.ts';
import { decide, peek } from '#flow/transaction.ts';
import { nextRows, turnTaken } from '#flow/turns.ts';
import type { Callbacks, Delivery } from '#ports/callbacks.ts';
import type { Row } from '#ports/run-store.ts';

const PAGE = 100;
const TURN = 'callbacks';

/** Null when nothing is to be sent of the run: it asks for none, is not over, or its callback is in other hands. */
async function begin(deps: FlowDeps, run: string): Promise<{ endpoint: string; body: Uint8Array } | null> {
  return decide(deps, async (draft) => {
    const due = await draft.readOne<CallbackRow>(callbackKey(run));
    const row = await draft.readOne<RunRow>(keys.run(run));
    if (due?.state !== 'due' || row === null || !isOver(row)) return null;
    const sinceMs = deps.clock.nowMs();
    draft.put(callbackKey(run), { ...due, state: 'sending', sinceMs } satisfies CallbackRow);
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
  for (const { run, state } of await callbacksThere(deps))
    if (state === 'sending') await conclude(deps, run, INTERRUPTED);
}

/** Where many send: of one that has been on its way since before, so that whoever sent it is gone. */
export async function giveUpCallback(deps: FlowDeps, run: string, beforeMs: number): Promise<void> {
  const row = await peek<CallbackRow>(deps, callbackKey(run));
  if (row !== null && isStale(row, beforeMs)) await conclude(deps, run, INTERRUPTED);
}

/** Sends what is due of runs that are over, however they ended: not every end comes by whoever seals. */
export async function sendCallbacks(deps: FlowDeps, callbacks: Callbacks): Promise<void> {
  const due = (await callbacksThere(deps)).filter(({ state }) => state === 'due');
  for (const { run } of await thoseOver(deps, due)) await callBack(deps, callbacks, run);
}

/**
 * Runs that are over and whose callback is due, or has been on its way since before: of so many rows at a time, in turn, since those
 * of runs that go on stand there too. The turn is over before anything is done with them.
 */
export async function overdueCallbacks(deps: FlowDeps, beforeMs: number, limit: number): Promise<string[]> {
  const rows = await nextRows(deps, callbackKey('').pk, TURN, limit);
  await turnTaken(deps, TURN, rows.at(-1)?.sk);
  const waiting = rows.map(callbackOf).filter((row) => row.state === 'due' || isStale(row, beforeMs));
  return (await thoseOver(deps, waiting)).map(({ run }) => run);
}

function isStale({ state, sinceMs = 0 }: CallbackRow, beforeMs: number): boolean {
  return state === 'sending' && sinceMs < beforeMs;
}

type CallbackOfRun = CallbackRow & { run: string };

function callbackOf({ sk, body }: Row): CallbackOfRun {
  return { ...(body as unknown as CallbackRow), run: sk };
}

async function thoseOver(deps: FlowDeps, all: readonly CallbackOfRun[]): Promise<CallbackOfRun[]> {
  const ended: CallbackOfRun[] = [];
  for (let from = 0; from < all.length; from += PAGE) {
    const some = all.slice(from, from + PAGE);
    const rows = await deps.store.get(some.map(({ run }) => keys.run(run)));
    ended.push(...some.filter((_each, n) => rows[n] && isOver(rows[n].body as unknown as RunRow)));
  }
  return ended;
}

async function callbacksThere(deps: FlowDeps): Promise<CallbackOfRun[]> {
  const found: CallbackOfRun[] = [];
  let after: string | undefined;
  do {
    const range = { prefix: '', limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(callbackKey('').pk, range);
    found.push(...rows.map(callbackOf));
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
  return found;
}

const INTERRUPTED: Delivery = {
  state: 'unknown',
  detail: 'the engine ended while it was being sent, or could not write down what was answered',
};
