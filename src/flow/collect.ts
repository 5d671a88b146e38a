/**
 * What a worker left in its mailbox, hashed again and stored. Everything read here is hostile: a frame that does not add
 * up, a digest that is wrong or a patch that does not parse makes the attempt a contract error, never an exception.
 */
import type { OutputRef } from '@waybill/client/documents';
import { TerminalError, WaybillError } from '@waybill/client/errors';
import { parsePatch } from '@waybill/client/patch';
import {
  CHECKPOINT_OUTCOMES,
  concatBytes,
  type Digest,
  digestOf,
  type EventOf,
  type InvalidOutput,
  runningDigest,
} from '@waybill/verify';
import type { Ending } from '#core/attempt.ts';
import type { Result } from '#core/mailbox-protocol.ts';
import { JOB_LIMITS } from '#core/names.ts';
import { splitOutputs } from '#core/outputs-frame.ts';
import { parseResult } from '#core/result-document.ts';
import { type AttemptRow, keys, type TextRef } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type FoundIntent, findIntents } from '#flow/intents.ts';
import { peek } from '#flow/transaction.ts';
import { refuseUntyped } from '#flow/typed-outputs.ts';

export interface Collected {
  ending: Ending;
  /** Exit code of a worker that the platform saw end; null when a result speaks for it. */
  exit: number | null;
  /** SHA-256 of the result document; null when there is none. */
  result: Digest | null;
  outputs: OutputRef[];
  /** What only the worker said. */
  claimed: EventOf<'attempt.settled'>['data']['claimed'];
  /** What it asks of people. */
  question?: TextRef & { text: string };
  /** What a later attempt goes on from. */
  checkpoint?: TextRef;
  /** For people: why it is not known what it used. */
  usageProblem?: string;
  /** Which of its outputs is not what its item declares. */
  invalid?: InvalidOutput;
  /** What it asks to have done outside. */
  intents?: FoundIntent[];
  /** For people: what exactly was wrong. */
  detail?: string;
  /** The platform says that nothing of it ran. */
  neverStarted?: true;
}

export const NOTHING_STAGED: Omit<Collected, 'ending'> = {
  exit: null,
  result: null,
  outputs: [],
  claimed: { blocks: [] },
};

/** Null when no result is staged, or the attempt is settled already. */
export async function collect(deps: FlowDeps, attemptId: string): Promise<Collected | null> {
  const attempt = await peek<AttemptRow>(deps, keys.attempt(attemptId));
  if (attempt?.state !== 'dispatched') return null;
  const { result: bytes } = await deps.mailbox.staged(attemptId, 'result');
  if (bytes === null) return null;
  const result = digestOf(bytes);
  try {
    const parsed = parseResult(bytes);
    requireSameAttempt(parsed, attempt, attemptId);
    if (isWithheld(attempt)) await requireSecrets(deps, attemptId, parsed);
    const collected = await collectResult(deps, { attemptId, principal: attempt.principal ?? '' }, parsed, result);
    const refused = parsed.outcome === 'succeeded' ? await refuseUntyped(deps, attempt, collected.outputs) : null;
    if (refused !== null) return { ...collected, ...refused };
    const found = await findIntents(deps, attempt, collected.outputs);
    if (!('ending' in found)) return { ...collected, ...found };
    // Who is blocked asks nothing any more, whatever the worker wrote.
    const { question: _, ...answerless } = collected;
    return { ...answerless, ...found };
  } catch (error) {
    if (!(error instanceof WaybillError) || error.retryable) throw error;
    return {
      ...NOTHING_STAGED,
      result,
      ending: { outcome: 'contract_error', reason: error.code.toLowerCase() },
      detail: error.message,
    };
  }
}

function requireSameAttempt(result: Result, attempt: AttemptRow, attemptId: string): void {
  if (result.attemptId === attemptId && result.epoch === attempt.attempt) return;
  throw unlike('result.attemptId', 'the result is of another attempt or epoch');
}

/**
 * A worker asks before its first block, whichever blocks name secrets, and runs nothing until it has been answered. That it was is in its row
 * by then, but perhaps not yet when the row was read for the first time.
 */
async function requireSecrets(deps: FlowDeps, attemptId: string, result: Result): Promise<void> {
  const part = whatRan(result);
  if (part === undefined || !isWithheld(await peek<AttemptRow>(deps, keys.attempt(attemptId)))) return;
  throw new TerminalError({
    code: 'RESULT_INVALID',
    path: `result.${part}`,
    problem: 'it says that something ran, and the attempt was never given the secrets that its manifest names',
    fix: 'Ask for them by the channel of the lease, and run nothing before they have come.',
  });
}

/** Comes from blocks and setup scripts alone, as does egress, which names blocks that ran. What the worker itself has to say is in the log. */
const OF_WHAT_RAN = ['setup', 'usage', 'usageUnread', 'question'] as const;

/** A part of the result that says so. */
function whatRan(result: Result): keyof Result | undefined {
  if (result.outcome === 'succeeded') return 'outcome';
  if (result.blocks.length > 0) return 'blocks';
  // A checkpoint is one of them.
  if (result.outputs !== null) return 'outputs';
  if (result.excluded.length > 0) return 'excluded';
  return OF_WHAT_RAN.find((part) => result[part] !== undefined);
}

/** Its manifest names secrets, and it was given none. */
function isWithheld(attempt: AttemptRow | null): boolean {
  const secrets = attempt?.manifest?.secrets;
  return secrets !== undefined && secrets.sealedTo === undefined;
}

interface Staging {
  attemptId: string;
  principal: string;
}

async function collectResult(deps: FlowDeps, staging: Staging, parsed: Result, result: Digest): Promise<Collected> {
  const { inline = {} } = parsed;
  const [{ outputs, checkpoint }, log] =
    parsed.outputs || parsed.log
      ? await Promise.all([
          parsed.outputs ? storeOutputs(deps, staging.attemptId, parsed.outputs, inline.outputs) : NO_OUTPUTS,
          parsed.log ? storeLog(deps, staging, parsed.log, inline.log) : null,
        ])
      : [NO_OUTPUTS, null];
  if (checkpoint !== undefined && !CHECKPOINT_OUTCOMES.has(parsed.outcome))
    throw unlike('outputs.checkpoint', `there is one, and the outcome is ${parsed.outcome}`);
  const { outcome, reason, exit, worker, excluded, question: text } = parsed;
  const { usage, usageUnread, usageProblem, egress, setup } = parsed;
  const asked = text === undefined ? null : await deps.artifacts.put(new TextEncoder().encode(text));
  const blocks = parsed.blocks.map(({ index, block, lens, exit, startedAt, endedAt }) => ({
    // In the order of the canonical form, which is then written faster.
    block,
    endedAt,
    exit,
    index,
    ...(lens === undefined ? {} : { lens }),
    startedAt,
  }));
  return {
    ending: { outcome, reason },
    exit: null,
    result,
    outputs: log ? [...outputs, log] : outputs,
    ...(asked === null || text === undefined ? {} : { question: { ...asked, text } }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(usageProblem === undefined ? {} : { usageProblem }),
    claimed: {
      ...(excluded.length > 0 ? { blocks, excluded: excluded.length } : { blocks }),
      ...(egress === undefined ? {} : { egress }),
      ...{ exit, outcome, reason },
      ...(setup === undefined ? {} : { setup }),
      ...(usage === undefined ? {} : { usage }),
      ...(usageUnread === undefined ? {} : { usageUnread }),
      worker,
    },
  };
}

interface Stored {
  outputs: OutputRef[];
  checkpoint?: TextRef;
}

const NO_OUTPUTS: Stored = { outputs: [] };

type Promised = NonNullable<Result['outputs']>;

/** Outputs are staged before the result that names them, so what is absent now will not come. */
async function storeOutputs(
  deps: FlowDeps,
  attemptId: string,
  promised: Promised,
  inline: string | undefined,
): Promise<Stored> {
  const stored: Stored = { outputs: [] };
  const seen = { digest: runningDigest(), sizeBytes: 0 };
  const frame = inline === undefined ? stagedOutputs(deps, attemptId) : bytesOf(inline);
  for await (const { name, kind, sha256, bytes } of splitOutputs(observed(frame, seen), JOB_LIMITS)) {
    const ref = await deps.artifacts.put(kind === 'patch' ? checkedPatch(bytes) : bytes, { expected: sha256 });
    if (kind === 'checkpoint') stored.checkpoint = ref;
    else stored.outputs.push({ name, kind, ...ref });
  }
  if (seen.sizeBytes !== promised.sizeBytes || seen.digest.digest() !== promised.sha256) {
    throw unlike('result.outputs', 'the staged outputs are not those that the result names');
  }
  return stored;
}

interface Seen {
  digest: ReturnType<typeof runningDigest>;
  sizeBytes: number;
}

async function* bytesOf(base64: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(base64, 'base64');
}

async function* stagedOutputs(deps: FlowDeps, attemptId: string): AsyncGenerator<Uint8Array> {
  yield* await deps.mailbox.openOutputs(attemptId).catch((cause: unknown) => {
    // A store that is away for a moment is not the worker's fault.
    if (!(cause instanceof WaybillError) || cause.code !== 'OBJECT_MISSING') throw cause;
    throw unlike('result.outputs', 'the result names outputs that were not staged', cause);
  });
}

async function* observed(frame: AsyncIterable<Uint8Array>, seen: Seen): AsyncGenerator<Uint8Array> {
  for await (const chunk of frame) {
    seen.digest.update(chunk);
    seen.sizeBytes += chunk.byteLength;
    yield chunk;
  }
}

/** A patch is parsed before it is kept: a reviewer sees every file that it touches, or nothing. */
async function* checkedPatch(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  const whole = concatBytes(chunks);
  parsePatch(whole);
  yield whole;
}

async function storeLog(
  deps: FlowDeps,
  { attemptId, principal }: Staging,
  promised: Promised,
  inline: string | undefined,
): Promise<OutputRef> {
  const log = inline === undefined ? await deps.mailbox.openLog(attemptId, principal) : Buffer.from(inline, 'base64');
  if (log === null) throw unlike('result.log', 'the result names a log that was not staged');
  const rule = { expected: promised.sha256, maxBytes: JOB_LIMITS.logBytes };
  return { name: 'log', kind: 'log', ...(await deps.artifacts.put(log, rule)) };
}

function unlike(path: string, problem: string, cause?: unknown): TerminalError {
  const fix = 'Stage the outputs and the log first, then a result that names exactly them.';
  return new TerminalError({ code: 'RESULT_INVALID', path, problem, fix }, { cause });
}
