/** What AWS answers, as the errors of this package: who has to act, and how. */
import { RetryableError, TerminalError, WaybillError } from './errors.ts';

/** What the SDK throws, as far as it is looked at. A HEAD has no body, so its errors have a status and no name. */
interface AwsError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

type Kind = 'credentials' | 'clock' | 'denied' | 'region' | 'absent' | 'busy';

/** By the names that services give to one thing; S3 and the JSON services have different ones. */
const KIND_OF_NAME: Readonly<Record<string, Kind>> = Object.fromEntries(
  (
    [
      [
        'credentials',
        'CredentialsProviderError ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId InvalidToken ' +
          'UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException MissingAuthenticationToken ' +
          'MissingAuthenticationTokenException TokenProviderError TokenRefreshRequired AuthFailure IncompleteSignature',
      ],
      ['clock', 'RequestTimeTooSkewed RequestExpired RequestInTheFuture'],
      ['denied', 'AccessDenied AccessDeniedException AllAccessDisabled KMSAccessDeniedException UnauthorizedOperation'],
      ['region', 'PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException BucketRegionError'],
      [
        'absent',
        'NoSuchBucket ResourceNotFoundException NotFoundException StateMachineDoesNotExist QueueDoesNotExist ' +
          'RepositoryNotFoundException ClusterNotFoundException',
      ],
      [
        'busy',
        'SlowDown Throttling ThrottlingException ThrottledException TooManyRequestsException RequestLimitExceeded ' +
          'RequestThrottled RequestThrottledException ProvisionedThroughputExceededException ServiceUnavailable ' +
          'LimitExceededException BandwidthLimitExceeded PriorRequestNotComplete',
      ],
    ] as const
  ).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind])),
);

const KIND_OF_STATUS: Readonly<Record<number, Kind>> = {
  301: 'region',
  307: 'busy',
  401: 'credentials',
  403: 'denied',
  429: 'busy',
  503: 'busy',
};

export function statusOf(error: unknown): number | undefined {
  return (error as AwsError | null)?.$metadata?.httpStatusCode;
}

export function awsNameOf(error: unknown): string {
  return (error as AwsError | null)?.name ?? '';
}

/** Nothing is stored under this key. A bucket that is not there is not meant. */
export function isAbsentObject(error: unknown): boolean {
  return statusOf(error) === 404 && awsNameOf(error) !== 'NoSuchBucket';
}

export function isDenied(error: unknown): boolean {
  return kindOf(error as AwsError) === 'denied';
}

/** @param path what was asked for: a bucket and key, a key's ARN, a service */
export function awsFailure(cause: unknown, path: string): WaybillError {
  if (cause instanceof WaybillError) return cause;
  const error = cause as AwsError;
  const said = `${error.code ?? error.name ?? 'unknown'}${error.message ? `: ${error.message}` : ''}`;
  switch (kindOf(error)) {
    case 'credentials':
      return new TerminalError(
        {
          code: 'CREDENTIALS_INVALID',
          path,
          problem: `AWS takes no credentials from here (${said})`,
          fix: 'Sign in (`aws sso login`, or set AWS_PROFILE); `aws sts get-caller-identity` has to answer.',
        },
        { cause },
      );
    case 'clock':
      return new TerminalError(
        {
          code: 'CREDENTIALS_INVALID',
          path,
          problem: `the clock of this machine is too far from that of AWS (${said})`,
          fix: 'Set the clock, by NTP for instance: signatures hold for five minutes around their time.',
        },
        { cause },
      );
    case 'denied':
      return new TerminalError(
        {
          code: 'ACCESS_DENIED',
          path,
          problem: `these credentials may not do that (${said})`,
          fix: 'Use the role or user that has the policy of submitters attached, in the account of the deployment file.',
        },
        { cause },
      );
    case 'region':
      return invalid(cause, path, `it is in another region than the deployment file says (${said})`);
    case 'absent':
      return invalid(cause, path, `it is not there (${said})`);
    case 'busy':
      return new RetryableError(
        { code: 'STORE_BUSY', path, problem: `AWS asks to slow down (${said})`, fix: 'Try again in a minute.' },
        { cause },
      );
    default:
      return new RetryableError(
        {
          code: 'STORE_FAILED',
          path,
          problem: `AWS cannot be asked (${said})`,
          fix: 'Check the network, proxies, AWS_ENDPOINT_URL and the region in the deployment file, and try again.',
        },
        { cause },
      );
  }
}

function kindOf(error: AwsError): Kind | undefined {
  return KIND_OF_NAME[error.name ?? ''] ?? KIND_OF_STATUS[error.$metadata?.httpStatusCode ?? 0];
}

function invalid(cause: unknown, path: string, problem: string): TerminalError {
  const fix =
    'Check the region and the names in the deployment file, or write it again with `waybill deployment pull`.';
  return new TerminalError({ code: 'DEPLOYMENT_INVALID', path, problem, fix }, { cause });
}
