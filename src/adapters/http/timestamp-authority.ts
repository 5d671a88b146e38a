/** Timestamp authority over HTTP (RFC 3161, section 3.4): one POST, one small answer, verified before anybody sees it. */
import { RetryableError, TerminalError } from '@waybill/client/errors';
import {
  bareTimestamp,
  EvidenceError,
  TimestampError,
  timestampRequest,
  timestampStatus,
  verifyTimestamp,
} from '@waybill/verify';
import type { TimestampAuthority } from '#ports/timestamp-authority.ts';
import { type HttpAnswer, post } from './post.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;
const NONCE_BYTES = 8;
/** Bits of PKIFailureInfo that say "not now": the authority has no time, or a failure of its own. */
const PASSING_FAILURES: ReadonlySet<number> = new Set([14, 25]);
/** What is wrong with an answer that is to another request, or comes from something else than an authority. */
const NOT_TO_THIS_REQUEST: ReadonlySet<string> = new Set(['encoding', 'nonce', 'imprint']);

export interface HttpTimestampAuthorityOptions {
  url: string;
  /** Certificates in DER that auditors are expected to trust. */
  roots: readonly Uint8Array[];
  /** Certificates in DER that the authority's tokens lack. */
  certificates?: readonly Uint8Array[];
  /** Object identifiers of policies; any when absent. */
  policies?: readonly string[];
  timeoutMs?: number;
  /** `bytes` bytes that nobody can guess, as hex. */
  hex: (bytes: number) => string;
}

/** Throws TerminalError USAGE for a URL that is none. */
export function openHttpTimestampAuthority(options: HttpTimestampAuthorityOptions): TimestampAuthority {
  const endpoint = endpointOf(options.url);
  return {
    async stamp(message) {
      const nonce = Buffer.from(options.hex(NONCE_BYTES), 'hex');
      const tsr = await ask(endpoint, timestampRequest(message, nonce), options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const { roots, certificates = [], policies } = options;
      const held = { message, roots, certificates, nonce, ...(policies === undefined ? {} : { policies }) };
      try {
        requireGranted(endpoint, tsr);
        const bare = await bareTimestamp({ ...held, tsr });
        await verifyTimestamp({ ...held, tsr: bare });
        return bare;
      } catch (error) {
        throw error instanceof EvidenceError ? invalid(endpoint, error) : error;
      }
    },
  };
}

async function ask(endpoint: URL, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  const type = 'application/timestamp-query';
  const answer = await post(endpoint, { type, body, timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES }).catch(
    (cause: unknown) => {
      throw unreachable(endpoint, `did not answer within ${timeoutMs} ms, or not at all`, cause);
    },
  );
  if (answer.status !== 200) throw refusedByStatus(endpoint, answer);
  if (answer.type !== 'application/timestamp-reply')
    throw unreachable(endpoint, 'answered something else than a time stamp');
  if (answer.body === null) throw unreachable(endpoint, `answered more than ${MAX_ANSWER_BYTES} bytes`);
  return answer.body;
}

function refusedByStatus(endpoint: URL, { status }: HttpAnswer): RetryableError | TerminalError {
  const isPassing = status === 408 || status === 429 || status >= 500;
  return isPassing ? unreachable(endpoint, `answered ${status}`) : refused(endpoint, `answered ${status}`);
}

/** What the authority itself says, before its token is looked at. */
function requireGranted(endpoint: URL, tsr: Uint8Array): void {
  const { code, failures } = timestampStatus(tsr);
  if (code === 0) return;
  const problem = `answered status ${code}${failures.length === 0 ? '' : `, failure ${failures.join(', ')}`}`;
  throw failures.some((bit) => PASSING_FAILURES.has(bit)) ? unreachable(endpoint, problem) : refused(endpoint, problem);
}

function invalid(endpoint: URL, error: EvidenceError): RetryableError | TerminalError {
  const problem = `answered what cannot be kept: ${error.message}`;
  const isStray = error instanceof TimestampError && NOT_TO_THIS_REQUEST.has(error.check);
  if (isStray) return unreachable(endpoint, problem, error);
  const fix = 'Compare the roots and policies in the configuration with those that the authority publishes.';
  return new TerminalError({ code: 'TSA_INVALID', path: nameOf(endpoint), problem, fix }, { cause: error });
}

function unreachable(endpoint: URL, problem: string, cause?: unknown): RetryableError {
  const fix =
    'Nothing has to be done: the next checkpoint is stamped again. Until then the evidence says less about time.';
  return new RetryableError({ code: 'TSA_UNREACHABLE', path: nameOf(endpoint), problem, fix }, { cause });
}

function refused(endpoint: URL, problem: string): TerminalError {
  const fix = 'Ask the authority which requests it takes at this URL: SHA-256, a nonce, any policy of its own.';
  return new TerminalError({ code: 'TSA_REFUSED', path: nameOf(endpoint), problem, fix });
}

/** Without what may be a secret of its user. */
function nameOf({ host }: URL): string {
  return `timestamp authority ${host}`;
}

function endpointOf(url: string): URL {
  const endpoint = URL.parse(url);
  if (endpoint !== null && /^https?:$/.test(endpoint.protocol) && !endpoint.hash) return endpoint;
  throw new TerminalError({
    code: 'USAGE',
    path: 'timestamp authority',
    problem: 'its URL is no http or https URL',
    fix: 'Give the URL that the authority publishes for RFC 3161 requests.',
  });
}
