/** The names of what lies in the staging bucket: `<attemptId>/<name>`. A signature opens them, so no name is a secret. */
const ATTEMPT_ID = /^[0-9a-f]{32}$/;

export const STAGED = {
  lease: 'lease.json',
  heartbeat: 'heartbeat.json',
  log: 'log',
  outputs: 'outputs',
  result: 'result.json',
} as const;

export function stagedKey(attemptId: string, name: keyof typeof STAGED): string {
  return `${attemptId}/${STAGED[name]}`;
}

export function isAttemptId(text: string): boolean {
  return ATTEMPT_ID.test(text);
}

/** The attempt whose result was staged, from the key of an event; null for any other object. */
export function attemptOfResult(key: string): string | null {
  const [attemptId = '', name, ...rest] = key.split('/');
  return rest.length === 0 && name === STAGED.result && isAttemptId(attemptId) ? attemptId : null;
}
