/** Names of executions: one attempt, one name, for ever. */

const PREFIX = 'a-';
const NAME = /^a-[0-9a-f]{32}$/;

export function executionName(attemptId: string): string {
  return `${PREFIX}${attemptId}`;
}

/** Null for an execution of somebody else. */
export function attemptOfName(name: string): string | null {
  return NAME.test(name) ? name.slice(PREFIX.length) : null;
}

/**
 * The ARN of an execution that was or will be started under this name.
 * @param machine ARN of a state machine, of a version or of an alias; executions name neither of the latter two
 */
export function executionArn(machine: string, name: string): string {
  const [arn, partition, service, region, account, , machineName] = machine.split(':');
  return [arn, partition, service, region, account, 'execution', machineName, name].join(':');
}

/** Null for what is no handle of ours. */
export function attemptOfHandle(handle: string): string | null {
  const parts = handle.split(':');
  return parts[5] === 'execution' ? attemptOfName(parts[7] ?? '') : null;
}
