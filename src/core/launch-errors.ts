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
  AccessDenied: 'terminal',
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

/** With which it ends one whose launch went wrong although a task was started, which was stopped then. */
export const LAUNCH_UNHEARD = 'Waybill.LaunchUnheard';

/** Quotas, throttles and want of capacity, which come under many names and sometimes under none. */
const NO_ROOM =
  /rate exceeded|throttl|too many (concurrent )?requests|request limit exceeded|reached the limit on the number of|above your (account )?limit|capacity is unavailable|insufficient capacity|InsufficientFreeAddresses|enough free (ip )?addresses|"reason":\s*"RESOURCE:/i;

/** The one name of what no other try changes under which quotas are refused as well. */
const AMBIGUOUS = 'ClientException';

/** What is said counts more than a name that may mean several things, and nothing against one that means a fault. */
export function launchVerdict(name: string, said: string): LaunchVerdict {
  const plain = name.slice(name.indexOf('.') + 1);
  const named = Object.hasOwn(LAUNCH_ERRORS, plain) ? LAUNCH_ERRORS[plain] : undefined;
  if (named === 'terminal' && plain !== AMBIGUOUS) return 'terminal';
  return NO_ROOM.test(said) ? 'not_yet' : (named ?? 'retryable');
}

/** Whether an error of an execution says that its task was never started. Services that the machine asks later are spelled otherwise. */
export function isOfLaunch(error: string): boolean {
  return error.startsWith('ECS.') || error === NOT_PLACED;
}

/** Names of errors of the call that starts a task, as a machine meets them. */
export function launchErrors(verdict: LaunchVerdict): string[] {
  return Object.keys(LAUNCH_ERRORS)
    .filter((name) => LAUNCH_ERRORS[name] === verdict)
    .map((name) => `ECS.${name}`);
}
