/** Asked: a control object of a principal who may steer the run that it names, while that run can be steered. */
import { type Digest, deriveRunId, type EventData } from '@waybill/verify';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Draft } from '#flow/transaction.ts';

export interface Asked {
  principal: string;
  submissionId: string;
  /** Of the object. */
  digest: Digest;
  run: string;
  row: RunRow;
}

type Verb = EventData['control.accepted']['verb'];

/** The same for every copy of one object: an inbox may hand it in again, even behind others that came after it. */
export function controlId({ principal, submissionId }: Asked): string {
  return deriveRunId(principal, submissionId);
}

/** Whether this very object was accepted before. */
export async function wasAccepted(draft: Draft, asked: Asked): Promise<boolean> {
  return (await draft.readOne(keys.control(asked.run, controlId(asked)))) !== null;
}

/** The event, and a row that keeps the object from being carried out again; after `wasAccepted`. */
export function acceptControl(deps: FlowDeps, draft: Draft, asked: Asked, verb: Verb, item?: string): void {
  draft.put(keys.control(asked.run, controlId(asked)), {});
  emitControl(deps, draft, asked, verb, item);
}

export function emitControl(deps: FlowDeps, draft: Draft, asked: Asked, verb: Verb, item?: string): void {
  const principal = `hmac-sha256:${deps.signer.pseudonym(asked.principal)}` as const;
  const about = item === undefined ? {} : { item };
  draft.emit(asked.run, { type: 'control.accepted', data: { verb, ...about, principal, control: asked.digest } });
}

export function accepted(run: string): Answer {
  return { status: 'accepted', run, reasons: [] };
}

export function dedupedAs(run: string): Answer {
  return { status: 'deduped', run, reasons: [] };
}

/** The item that is asked about, or the answer that there is none. */
export async function askedItem(draft: Draft, run: string, item: string): Promise<ItemRow | Answer> {
  const found = await draft.readOne<ItemRow>(keys.item(run, item));
  if (found) return found;
  const fix = 'Name an item of the run, as `waybill status` lists them.';
  return refuse('invalid', { code: 'ITEM_UNKNOWN', path: 'spec.item', problem: `the run has no item ${item}`, fix });
}
