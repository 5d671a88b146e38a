/**
 * Inbox: every waiting object is read, answered and taken out of the way, each on its own. What is wrong with one never
 * reaches another, and nothing leaves the inbox before its answer is durable.
 */
import type { Receipt, ReceiptStatus } from '@waybill/client/documents';
import { WaybillError } from '@waybill/client/errors';
import { LIMITS } from '@waybill/client/limits';
import type { Digest } from '@waybill/verify';
import { digestOf } from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import { CONTROL_QUEUE } from '#core/names.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { control } from '#flow/control.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { noteSlot } from '#flow/slots.ts';
import { submit } from '#flow/submit.ts';
import type { InboxObject } from '#ports/inbox.ts';

const PAGE = 500;
/** Objects under way at once: their answers share syncs of the disk, and none waits for another whose source is large. */
const AT_ONCE = 32;

/** Quarantined are objects that no honest client writes; a conflict or a denial is an answer, not an attack. */
const QUARANTINED: ReadonlySet<ReceiptStatus> = new Set(['invalid', 'too_large']);

/**
 * Answers everything that waits. Objects that could not be answered now (a RetryableError) stay and are reported to
 * `onTrouble`; the next call meets them again. Resolves with the number of objects answered.
 */
export async function takeIn(
  deps: FlowDeps,
  onTrouble: (object: InboxObject, error: unknown) => void,
): Promise<number> {
  let answered = 0;
  let page: InboxObject[];
  let after: string | undefined;
  do {
    page = await deps.inbox.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    const waiting = page.values();
    const answerWaiting = async (): Promise<void> => {
      for (const object of waiting) {
        try {
          if (await takeInOne(deps, object)) answered += 1;
        } catch (error) {
          onTrouble(object, error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, answerWaiting));
    after = page.at(-1)?.key;
  } while (page.length === PAGE);
  return answered;
}

/** Answers one object. False: it is gone. Throws what may pass later; then the object stays. */
export async function takeInOne(deps: FlowDeps, object: InboxObject): Promise<boolean> {
  const bytes = await deps.inbox.read(object, LIMITS.specBytes);
  if (bytes === null) return false;
  const submission = bytes instanceof Uint8Array ? digestOf(bytes) : await deps.inbox.digest(object);
  if (submission === null) return false;
  const answer = await answerTo(deps, object, bytes, submission);
  const receipt: Receipt = {
    v: 1,
    status: answer.status,
    principal: object.principal,
    submissionId: object.submissionId,
    submission,
    ...(answer.run === undefined ? {} : { run: answer.run }),
    reasons: answer.reasons,
    at: isoTime(deps.clock.nowMs()),
  };
  await noteSlot(deps, object, answer);
  await deps.store.durable();
  await deps.inbox.answer(object, receipt);
  await deps.inbox.archive(object, QUARANTINED.has(answer.status) ? 'quarantine' : 'done');
  return true;
}

async function answerTo(
  deps: FlowDeps,
  object: InboxObject,
  bytes: Uint8Array | 'too_large' | 'forged',
  submission: Digest,
): Promise<Answer> {
  const path = `inbox/${object.queue}/${object.principal}/${object.submissionId}`;
  if (object.badlyNamed !== undefined) {
    const fix = 'Use the client, or a name of letters, digits, dots, dashes and underscores ending in .json.';
    return refuse('invalid', { code: 'KEY_INVALID', path, problem: object.badlyNamed, fix });
  }
  if (bytes === 'forged') {
    const problem = 'the object was not written by the principal in its name';
    return refuse('denied', { code: 'PRINCIPAL_MISMATCH', path, problem, fix: 'Submit under your own principal.' });
  }
  if (bytes === 'too_large') {
    const problem = `the object is larger than ${LIMITS.specBytes} bytes`;
    return refuse('too_large', {
      code: 'SPEC_TOO_LARGE',
      path,
      problem,
      fix: 'Split the run, or move data into the source.',
    });
  }
  try {
    if (object.queue === CONTROL_QUEUE) return await control(deps, object, bytes, submission);
    return await submit(deps, object, bytes, submission);
  } catch (error) {
    if (error instanceof WaybillError && !error.retryable) return refuse('invalid', error);
    throw error;
  }
}
