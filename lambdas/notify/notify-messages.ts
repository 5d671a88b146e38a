/** Notify: whoever a run names is told that it is over, once or not at all. The same run again finds that in its rows. */
import type { CallbackEndpoint } from '#adapters/http/callbacks.ts';
import { unavailable } from '#composition/secret-vault.ts';
import { CALLBACK_KEY_BYTES, type CallbackRow, callbackKey, callbackKeyOf } from '#core/callback.ts';
import { callBack, giveUpCallback } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { CALLBACK_PATIENCE_MS, callbackMessage } from '#lambdas/shared/callback-message.ts';
import { isLasting, type Told } from '#lambdas/shared/told.ts';
import type { Callbacks } from '#ports/callbacks.ts';

export interface NotifyDuties {
  flow: FlowDeps;
  /** By the names that specs use. */
  urls: ReadonlyMap<string, URL>;
  /** The key of a name, as the account keeps it. */
  readKey(name: string): Promise<Uint8Array>;
  /** Whoever sends to these. */
  open(endpoints: ReadonlyMap<string, CallbackEndpoint>): Callbacks;
}

/** Runs share nothing here: each has an answer of its own to wait for. */
export function notifyMessages(duties: NotifyDuties, event: unknown, told: Told): Promise<BatchResponse> {
  return eachMessage(event, callbackMessage, told, ({ run }) => notify(duties, run, told));
}

async function notify(duties: NotifyDuties, run: string, told: Told): Promise<void> {
  const { flow } = duties;
  const row = await peek<CallbackRow>(flow, callbackKey(run));
  if (row?.state === 'sending') await giveUpCallback(flow, run, flow.clock.nowMs() - CALLBACK_PATIENCE_MS);
  // Its key comes first: while that may still be had later, nothing is written down and the message comes again.
  else if (row !== null) await callBack(flow, await callbacksTo(duties, row.endpoint, told), run);
}

/** To one name. What it is told of afterwards is not kept: a changed key is another one from the next run on. */
async function callbacksTo({ urls, readKey, open }: NotifyDuties, name: string, told: Told): Promise<Callbacks> {
  const url = urls.get(name);
  if (url === undefined) return open(new Map());
  try {
    return open(new Map([[name, { url, key: keyIn(name, await readKey(name)) }]]));
  } catch (error) {
    if (!isLasting(error)) throw error;
    told.trouble(`callback ${name}`, error);
    return {
      endpoints: new Set(),
      send: async () => ({ state: 'undelivered', detail: 'its key is not to be had' }),
    };
  }
}

function keyIn(name: string, kept: Uint8Array): Uint8Array {
  const { least, most } = CALLBACK_KEY_BYTES;
  const key = callbackKeyOf(kept);
  if (key !== null) return key;
  throw unavailable(name, `does not hold ${least} to ${most} bytes`, 'Keep a key of that length, on both sides.');
}
