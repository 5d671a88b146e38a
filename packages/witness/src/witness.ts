/**
 * The witness without its network: a request body in, an answer out. What it promises with a cosignature is that at
 * that time it had seen no larger tree of this log, and that the tree extends every tree that it cosigned before.
 */
import {
  cosignedMessage,
  EvidenceError,
  formatCosignature,
  formatNote,
  type NoteKey,
  type NoteSignature,
  parseVkey,
  parseWitnessVkey,
  type SignedNote,
  verifyNote,
} from '@waybill/verify';
import { parseAddCheckpoint, type Submission } from './add-checkpoint.ts';
import { type Judgement, judgeCheckpoint } from './judge-checkpoint.ts';
import type { LogHead, WitnessState } from './state.ts';
import { WitnessError } from './witness-error.ts';

/** How far the clock may be set back before cosigning stops: their times must not contradict each other. */
const CLOCK_TOLERANCE_SECONDS = 5;

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

export interface WitnessStatus {
  format: 'waybill-witness/v1';
  vkey: string;
  logs: { origin: string; size: number; checkpoint: string | null; cosignedAt: string | null }[];
  /** Pairs of signed checkpoints that convict a log. */
  forks: number;
}

export interface Witness {
  readonly vkey: string;
  addCheckpoint(body: Uint8Array): Promise<Answer>;
  status(): WitnessStatus;
}

/** The keys of each log, by its origin. */
export type LogKeys = ReadonlyMap<string, readonly NoteKey[]>;

/** Reads verifier keys; several of one name are several keys of one log. Throws WitnessError `USAGE`. */
export function logKeysOf(vkeys: readonly string[]): LogKeys {
  return Map.groupBy(vkeys.map(parseLogKey), (key) => key.name);
}

export function createWitness(state: WitnessState, keys: LogKeys, nowMs: () => number = Date.now): Witness {
  const { name, hash } = parseWitnessVkey(state.vkey);

  /** Everything from reading the head to the signature is one transaction: no request can come in between. */
  function cosign(submission: Submission, signed: string): Answer {
    const { checkpoint, note } = submission;
    return state.advance(checkpoint.origin, (head) => {
      const judgement = judgeCheckpoint(head, submission);
      if (judgement !== 'cosign') {
        if (head !== null && (judgement === 'fork' || judgement === 'unproved')) {
          const { origin, size, root } = checkpoint;
          const timeSeconds = Math.floor(nowMs() / 1000);
          state.record({ kind: judgement, origin, size, root, seen: head.note, refused: signed, timeSeconds });
        }
        return { result: refusal(judgement, head?.size ?? 0) };
      }
      const timeSeconds = tick(head, nowMs());
      const signature = state.key.sign(cosignedMessage(note.text, timeSeconds));
      const line = formatCosignature({ name, hash }, { timeSeconds, signature });
      const next = { size: checkpoint.size, root: checkpoint.root, note: signed, timeSeconds };
      return { head: next, result: answer(200, formatNote(note.text, [line]).slice(note.text.length + 1)) };
    });
  }

  return {
    vkey: state.vkey,
    async addCheckpoint(body) {
      let submission: Submission;
      try {
        submission = parseAddCheckpoint(body);
      } catch (error) {
        if (error instanceof EvidenceError) return answer(400, `${error.message}\n`);
        throw error;
      }
      const known = keys.get(submission.checkpoint.origin);
      if (known === undefined) return answer(404, 'this log is not witnessed here\n');
      const signatures = await logSignatures(submission.note, known);
      if (signatures.length === 0) return answer(403, 'no key that is trusted for this log signed the checkpoint\n');
      return cosign(submission, formatNote(submission.note.text, signatures));
    },
    status: () => ({
      format: 'waybill-witness/v1',
      vkey: state.vkey,
      logs: [...keys.keys()].map((origin) => {
        const head = state.head(origin);
        const cosignedAt = head === null ? null : new Date(head.timeSeconds * 1000).toISOString();
        return { origin, size: head?.size ?? 0, checkpoint: head?.note ?? null, cosignedAt };
      }),
      forks: state.forks(),
    }),
  };
}

function parseLogKey(vkey: string): NoteKey {
  try {
    return parseVkey(vkey);
  } catch (error) {
    const problem = error instanceof EvidenceError ? error.message : 'broken';
    throw new WitnessError(
      'USAGE',
      `log key ${vkey}: ${problem}`,
      'Give the verifier key of a log as its operator prints it.',
    );
  }
}

/** The signatures of trusted keys, each verified, and nothing else of what stood in the request. None if one is wrong. */
async function logSignatures(note: SignedNote, known: readonly NoteKey[]): Promise<NoteSignature[]> {
  try {
    const verified = await verifyNote(note, known);
    const isVerified = (line: NoteSignature): boolean =>
      verified.some((key) => key.name === line.name && key.hash === line.hash);
    // A key that signed twice was verified once: only its first line is kept.
    return note.signatures.filter(
      (line, index, all) =>
        isVerified(line) && all.findIndex(({ name, hash }) => name === line.name && hash === line.hash) === index,
    );
  } catch (error) {
    if (error instanceof EvidenceError) return [];
    throw error;
  }
}

/** The time to sign: that of the clock, or the newest one again when the clock was set back a little. */
function tick(head: LogHead | null, nowMs: number): number {
  const nowSeconds = Math.floor(nowMs / 1000);
  const newest = head?.timeSeconds ?? 0;
  if (nowSeconds < newest - CLOCK_TOLERANCE_SECONDS) {
    const fix = 'Set the clock right; cosigning goes on when it has reached that time.';
    throw new WitnessError('CLOCK_BACK', `the clock is ${newest - nowSeconds} s behind the newest cosignature`, fix);
  }
  return Math.max(nowSeconds, newest);
}

function refusal(judgement: Exclude<Judgement, 'cosign'>, size: number): Answer {
  switch (judgement) {
    case 'absurd':
      return answer(400, 'the old size is larger than the size of the checkpoint\n');
    case 'unproved':
      return answer(422, 'the proof does not show that the checkpoint extends what was seen here\n');
    case 'stale':
    case 'fork':
      return { status: 409, contentType: 'text/x.tlog.size', body: `${size}\n` };
  }
}

function answer(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
