/** The names of inbox objects in S3. They are written by clients, so what breaks the rules is told and not thrown. */
import { sha256Hex } from '@waybill/verify';
import type { InboxObject } from '#ports/inbox.ts';

/** Prefix of all that waits. */
export const INBOX = 'inbox/';

const QUEUE = /^@?[a-z0-9][a-z0-9._-]{0,62}$/;
/** `aws:userid`: the id of a user, or the id of a role and the name of its session. */
const PRINCIPAL = /^(?!.*\.\.)[A-Z0-9]{12,128}(?::[\w+=,.@-]{2,64})?$/;
const SUBMISSION = /^([A-Za-z0-9][A-Za-z0-9._-]{0,127})\.json$/;

/** The object of an event. Null for what does not lie in the inbox. */
export function objectOfEvent(key: string, version?: string): InboxObject | null {
  return key.startsWith(INBOX) ? inboxObject(key, version) : null;
}

/** `stored` is the whole key in the bucket. The version `null` is what S3 says where it keeps none. */
export function inboxObject(stored: string, version?: string): InboxObject {
  const object = named(stored.slice(INBOX.length));
  return version === undefined || version === 'null' ? object : { ...object, version };
}

/** Of a key as events have it, and listings with `encoding-type=url`. */
export function decodedKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}

function named(key: string): InboxObject {
  const [queue = '', principal = '', file = '', ...rest] = key.split('/');
  const submissionId = SUBMISSION.exec(file)?.[1];
  if (rest.length > 0 || file === '') return badlyNamed(key, 'is not named <queue>/<principal>/<submissionId>.json');
  if (submissionId === undefined || submissionId.includes('..')) return badlyNamed(key, 'is no <submissionId>.json');
  if (!QUEUE.test(queue) || queue.includes('..')) return badlyNamed(key, 'names no valid queue');
  if (!PRINCIPAL.test(principal)) return badlyNamed(key, 'names no principal (aws:userid)');
  return { key, queue, principal, submissionId };
}

/**
 * Answered under its principal if it names one, and a submission id made from its name. Of a name with more or fewer parts
 * the policy proves no principal: `inbox/<anything>/<own id>/<anything>` may be written, so the second part may be another's.
 */
function badlyNamed(key: string, problem: string): InboxObject {
  const [, second = '', ...rest] = key.split('/');
  return {
    key,
    queue: '@unnamed',
    principal: rest.length === 1 && PRINCIPAL.test(second) ? second : 'unknown',
    submissionId: `invalid-${sha256Hex(key).slice(0, 16)}`,
    badlyNamed: `the object ${problem}`,
  };
}
