/**
 * The names of what lies in the staging bucket: `<attemptId>/<name>`, and the log under its submitter, who may read what is
 * there. No name is a secret: the ids of attempts can be computed by anybody who knows a run, so that a signature or the
 * reader's own id in the key has to open each of them.
 */
const ATTEMPT_ID = /^[0-9a-f]{32}$/;

export const STAGED = {
  lease: 'lease.json',
  heartbeat: 'heartbeat.json',
  key: 'key.json',
  outputs: 'outputs',
  result: 'result.json',
  sealed: 'sealed.json',
} as const;

export function stagedKey(attemptId: string, name: keyof typeof STAGED): string {
  return `${attemptId}/${STAGED[name]}`;
}

/**
 * `submittersPolicy` names it: what is below `logs/<aws:userid>/` may be read by that user. Nobody may read the log of a run whose
 * principal is not known, or of an attempt that was dispatched before logs had owners (an empty principal).
 */
export function logKey(attemptId: string, principal: string): string {
  return principal === '' ? `${attemptId}/log` : `logs/${principal}/${attemptId}/log`;
}

/** The principal in the key of the log, from the URL of a lease; empty where there is none. */
export function principalOf(logUrl: string): string {
  return /\/logs\/([^/]+)\/[0-9a-f]{32}\/log$/.exec(decodeURIComponent(new URL(logUrl).pathname))?.[1] ?? '';
}

export function isAttemptId(text: string): boolean {
  return ATTEMPT_ID.test(text);
}

/** The attempt whose result, or key, was staged, from the key of an event; null for any other object. */
export function attemptOf(staged: 'key' | 'result', key: string): string | null {
  const [attemptId = '', name, ...rest] = key.split('/');
  return rest.length === 0 && name === STAGED[staged] && isAttemptId(attemptId) ? attemptId : null;
}
