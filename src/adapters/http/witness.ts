/** Witness over HTTP, as C2SP tlog-witness describes it: one POST, one small answer, every byte of it distrusted. */
import { RetryableError, TerminalError } from '@waybill/client/errors';
import {
  EvidenceError,
  type NoteSignature,
  parseCheckpoint,
  parseNote,
  parseWitnessVkey,
  toBase64,
  verifyCosignatures,
  type WitnessKey,
} from '@waybill/verify';
import { type CosignRequest, type Witness, WitnessConflict } from '#ports/witness.ts';
import { post } from './post.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
/** Some dozen cosignatures of any kind; ours is one line of about 150 bytes. */
const MAX_ANSWER_BYTES = 65_536;
/** A cosignature from further ahead would make the evidence look younger than it is. */
const MAX_AHEAD_MS = 3_600_000;

export interface HttpWitnessOptions {
  name: string;
  /** Submission prefix: requests go to `<url>/add-checkpoint`. */
  url: string;
  /** Verifier key of the witness (algorithm 0x04). */
  vkey: string;
  /** For one call, from the name lookup to the last byte of the answer. */
  timeoutMs?: number;
  nowMs?: () => number;
}

/** Throws TerminalError USAGE for a URL or a key that is none. */
export function openHttpWitness({ name, url, vkey, timeoutMs, nowMs }: HttpWitnessOptions): Witness {
  const endpoint = endpointOf(name, url);
  const key = keyOf(name, vkey);
  return {
    name,
    async cosign(request) {
      const { text } = parseNote(request.checkpoint);
      const answer = await ask(name, endpoint, bodyOf(request), timeoutMs ?? DEFAULT_TIMEOUT_MS);
      if (answer.status === 409) throw conflict(name, request.oldSize, parseCheckpoint(text).size, answer);
      if (answer.status !== 200) throw refused(name, answer.status);
      return [await cosignatureIn(name, text, answer.body, key, (nowMs ?? Date.now)())];
    },
  };
}

interface TextAnswer {
  status: number;
  type: string;
  body: string;
}

async function ask(name: string, endpoint: URL, text: string, timeoutMs: number): Promise<TextAnswer> {
  const request = {
    type: 'text/plain; charset=utf-8',
    body: Buffer.from(text),
    timeoutMs,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  };
  const { body, ...answer } = await post(endpoint, request).catch((cause: unknown) => {
    throw new RetryableError(
      {
        code: 'WITNESS_UNREACHABLE',
        path: `witness ${name}`,
        problem: `did not answer within ${timeoutMs} ms, or not at all`,
        fix: 'Nothing has to be done: it is asked again with the next checkpoint.',
      },
      { cause },
    );
  });
  if (body === null) throw invalid(name, `answered more than ${MAX_ANSWER_BYTES} bytes`);
  return { ...answer, body: Buffer.from(body).toString('utf8') };
}

function bodyOf({ oldSize, proof, checkpoint }: CosignRequest): string {
  return `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

/** The first cosignature of the witness's key; more of them, or those of others, would only make the note longer. */
async function cosignatureIn(
  name: string,
  text: string,
  body: string,
  key: WitnessKey,
  nowMs: number,
): Promise<NoteSignature> {
  try {
    const note = parseNote(`${text}\n${body}`);
    // A body with an empty line in it would make a longer text out of itself.
    if (note.text !== text) throw new EvidenceError('NOTE', 'the answer is more than signature lines');
    const [first] = await verifyCosignatures(note, [key]);
    if (first === undefined) throw new EvidenceError('NOTE', 'the answer has no cosignature of the known key');
    if (first.timeMs > nowMs + MAX_AHEAD_MS) throw new EvidenceError('NOTE', 'the cosignature is from the future');
    return note.signatures.find((line) => line.name === key.name && line.hash === key.hash) as NoteSignature;
  } catch (error) {
    throw error instanceof EvidenceError ? invalid(name, error.message) : error;
  }
}

function conflict(
  name: string,
  oldSize: number,
  size: number,
  { type, body }: TextAnswer,
): WitnessConflict | TerminalError {
  const seen = Number(/^(0|[1-9][0-9]{0,15})\n$/.exec(body)?.[1] ?? Number.NaN);
  const isSize = type === 'text/x.tlog.size' && Number.isSafeInteger(seen);
  if (isSize && seen !== oldSize) return new WitnessConflict(name, seen);
  if (oldSize !== size) return invalid(name, 'answered a conflict that is none');
  return new TerminalError({
    code: 'WITNESS_DISAGREES',
    path: `witness ${name}`,
    problem: `says that it has cosigned another tree of ${size} entries`,
    fix: 'Ask its operator for both checkpoints. If the log signed both, the log was forked.',
  });
}

function refused(name: string, status: number): TerminalError | RetryableError {
  const reasons: Partial<Record<number, string>> = {
    400: 'could not read the request',
    403: 'knows no key that signed the checkpoint',
    404: 'does not witness this log, or there is no witness at this URL',
    422: 'does not see that the checkpoint extends what it saw last',
  };
  const refusal = {
    code: 'WITNESS_REFUSED',
    path: `witness ${name}`,
    problem: reasons[status] ?? `answered ${status}`,
    fix: 'Give the operator of the witness the verifier keys of this log, and compare its newest checkpoint with yours.',
  } as const;
  const isPassing = status === 408 || status === 429 || status >= 500;
  return isPassing ? new RetryableError({ ...refusal, code: 'WITNESS_UNREACHABLE' }) : new TerminalError(refusal);
}

function invalid(name: string, problem: string): TerminalError {
  return new TerminalError({
    code: 'WITNESS_INVALID',
    path: `witness ${name}`,
    problem,
    fix: 'Compare the verifier key in the configuration with the one that the witness prints.',
  });
}

function endpointOf(name: string, url: string): URL {
  const prefix = URL.parse(url);
  const isPlain = prefix !== null && !prefix.username && !prefix.password && !prefix.search && !prefix.hash;
  if (prefix === null || !isPlain || !/^https?:$/.test(prefix.protocol)) {
    throw usage(name, 'its URL is no plain http or https URL', 'Give the submission prefix of the witness.');
  }
  return new URL(`${prefix.href.replace(/\/+$/, '')}/add-checkpoint`);
}

function keyOf(name: string, vkey: string): WitnessKey {
  try {
    return parseWitnessVkey(vkey);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw usage(name, error.message, 'Give the verifier key as the witness prints it.');
  }
}

function usage(name: string, problem: string, fix: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path: `witness ${name}`, problem, fix });
}
