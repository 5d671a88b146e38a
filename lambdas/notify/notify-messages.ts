/** Notify: whoever a run names is told that it is over, once or not at all. The same run again finds that in its rows. */
import { isNone } from '#adapters/aws/secret-vault.ts';
import type { CallbackEndpoint } from '#adapters/http/callbacks.ts';
import { unavailable } from '#composition/secret-vault.ts';
import { CALLBACK_KEY_BYTES, type CallbackRow, callbackKey, callbackKeyOf } from '#core/callback.ts';
import { callBack, giveUpCallback } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { CALLBACK_PATIENCE_MS, callbackMessage } from '#lambdas/shared/callback-message.ts';
import type { Told } from '#lambdas/shared/told.ts';
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

/** Who sends to a name; null while nobody can, since its key is not to be had now. */
type CallbacksTo = (name: string) => Promise<Callbacks | null>;

/** Runs share nothing here but keys: each has an answer of its own to wait for. */
export function notifyMessages(duties: NotifyDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const opened = new Map<string, ReturnType<CallbacksTo>>();
  // What it is told of afterwards is not kept: a changed key is another one from the next event on.
  const callbacksTo: CallbacksTo = (name) => {
    const callbacks = opened.get(name) ?? openCallbacks(duties, name, told);
    opened.set(name, callbacks);
    return callbacks;
  };
  return eachMessage(event, callbackMessage, told, ({ run }) => notify(duties.flow, callbacksTo, run));
}

async function notify(flow: FlowDeps, callbacksTo: CallbacksTo, run: string): Promise<void> {
  const row = await peek<CallbackRow>(flow, callbackKey(run));
  if (row?.state === 'sending') return giveUpCallback(flow, run, flow.clock.nowMs() - CALLBACK_PATIENCE_MS);
  const callbacks = row === null ? null : await callbacksTo(row.endpoint);
  // Where there are none the row stays as it is, and the reconciler sends word of it again: were the message to come too, they would add up.
  if (callbacks !== null) await callBack(flow, callbacks, run);
}

async function openCallbacks({ urls, readKey, open }: NotifyDuties, name: string, told: Told): ReturnType<CallbacksTo> {
  const url = urls.get(name);
  if (url === undefined) return open(new Map());
  try {
    return open(new Map([[name, { url, key: keyIn(name, await readKey(name)) }]]));
  } catch (error) {
    told.trouble(`callback ${name}`, error);
    if (!isNone(error)) return null;
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
