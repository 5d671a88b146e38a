/** Asked: a control object of a principal who may steer the run that it names, while that run can be steered. */
import { type Digest, deriveRunId, type EventData } from '@waybill/verify';
import { type ControlRow, type ItemRow, keys, type RunRow } from '#core/rows.ts';
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

/**
 * What this very object was answered before, or null. Whatever that was, it is not carried out when it comes again: others
 * may have changed since what it would do.
 */
export async function answerBefore(draft: Draft, asked: Asked): Promise<Answer | null> {
  const row = await draft.readOne<ControlRow>(keys.control(asked.run, controlId(asked)));
  if (row === null) return null;
  return row.reasons?.length ? { status: 'invalid', reasons: row.reasons } : dedupedAs(asked.run);
}

/** Keeps the object from being carried out later; after `answerBefore`. */
export function rememberAnswer(draft: Draft, asked: Asked, { reasons }: Answer): void {
  draft.put(keys.control(asked.run, controlId(asked)), { reasons } satisfies ControlRow);
}

/** @param more what of it the record repeats */
export function emitControl(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  verb: Verb,
  item?: string,
  more: Pick<EventData['control.accepted'], 'answer' | 'reviewed'> = {},
): void {
  const principal = `hmac-sha256:${deps.signer.pseudonym(asked.principal)}` as const;
  const about = item === undefined ? {} : { item };
  draft.emit(asked.run, {
    type: 'control.accepted',
    data: { verb, ...about, principal, control: asked.digest, ...more },
  });
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
