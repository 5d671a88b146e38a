/**
 * What an error of a launch means. The attempt machine makes its lists of retries from this table, and what reads how a
 * launch ended judges by it, so that both always mean the same.
 *
 * terminal: no other try changes it. retryable: the next one may pass. not_yet: there is no room for the worker now, which
 * says nothing about the item, however often it is said: a quota, a throttle, no capacity.
 */
export type LaunchVerdict = 'terminal' | 'retryable' | 'not_yet';

/** As services name them; Step Functions puts `ECS.` before those of a launch. Whatever is missing here is retryable. */
const LAUNCH_ERRORS: Readonly<Record<string, LaunchVerdict>> = {
  AccessDeniedException: 'terminal',
  BlockedException: 'terminal',
  ClientException: 'terminal',
  ClusterNotFoundException: 'terminal',
  PlatformTaskDefinitionIncompatibilityException: 'terminal',
  PlatformUnknownException: 'terminal',
  UnsupportedFeatureException: 'terminal',
  // Some throttles have this name, so that it says nothing by itself.
  InvalidParameterException: 'retryable',
  ServerException: 'retryable',
  ExecutionLimitExceeded: 'not_yet',
  LimitExceededException: 'not_yet',
  RequestLimitExceeded: 'not_yet',
  Throttling: 'not_yet',
  ThrottlingException: 'not_yet',
  TooManyRequestsException: 'not_yet',
};

/** With which the machine ends an execution whose launch was answered with failures and without a task. */
export const NOT_PLACED = 'Waybill.NotPlaced';

/** Quotas, throttles and want of capacity, which come under many names and sometimes under none. */
const NO_ROOM =
  /rate exceeded|throttl|too many (concurrent )?requests|request limit exceeded|reached the limit on the number of|above your (account )?limit|capacity is unavailable|insufficient capacity|InsufficientFreeAddresses|enough free (ip )?addresses|"?RESOURCE:/i;

/** What is said counts more than the name that it is given. */
export function launchVerdict(name: string, said: string): LaunchVerdict {
  if (NO_ROOM.test(said)) return 'not_yet';
  const plain = name.slice(name.indexOf('.') + 1);
  return Object.hasOwn(LAUNCH_ERRORS, plain) ? (LAUNCH_ERRORS[plain] ?? 'retryable') : 'retryable';
}

/** Names of errors of the call that starts a task, as a machine meets them. */
export function launchErrors(verdict: LaunchVerdict): string[] {
  return Object.keys(LAUNCH_ERRORS)
    .filter((name) => LAUNCH_ERRORS[name] === verdict)
    .map((name) => `ECS.${name}`);
}
