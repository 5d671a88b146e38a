/**
 * What a worker left in its mailbox, hashed again and stored. Everything read here is hostile: a frame that does not add
 * up, a digest that is wrong or a patch that does not parse makes the attempt a contract error, never an exception.
 */
import type { OutputRef } from '@waybill/client/documents';
import { TerminalError, WaybillError } from '@waybill/client/errors';
import { type ClaimedBlock, type Digest, digestOf } from '@waybill/verify';
import type { Ending } from '#core/attempt.ts';
import type { Result } from '#core/mailbox-protocol.ts';
import { JOB_LIMITS } from '#core/names.ts';
import { splitOutputs } from '#core/outputs-frame.ts';
import { parsePatch } from '#core/patch.ts';
import { parseResult } from '#core/result-document.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';

export interface Collected {
  ending: Ending;
  exit: number | null;
  /** SHA-256 of the result document; null when there is none. */
  result: Digest | null;
  outputs: OutputRef[];
  claimed: { blocks: ClaimedBlock[]; worker?: Digest; excluded?: number };
  /** For people: what exactly was wrong. */
  detail?: string;
}

export const NOTHING_STAGED: Omit<Collected, 'ending'> = {
  exit: null,
  result: null,
  outputs: [],
  claimed: { blocks: [] },
};

/** Null when no result is staged, or the attempt is settled already. */
export async function collect(deps: FlowDeps, attemptId: string): Promise<Collected | null> {
  const [row] = await deps.store.get([keys.attempt(attemptId)]);
  const attempt = row?.body as unknown as AttemptRow | undefined;
  if (attempt?.state !== 'dispatched') return null;
  const { result: bytes } = await deps.mailbox.staged(attemptId);
  if (bytes === null) return null;
  const result = digestOf(bytes);
  try {
    const parsed = parseResult(bytes);
    requireSameAttempt(parsed, attempt, attemptId);
    return await collectResult(deps, attemptId, parsed, result);
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
  throw new TerminalError({
    code: 'RESULT_INVALID',
    path: 'result.attemptId',
    problem: 'the result is of another attempt or epoch',
    fix: 'Report the attempt id and epoch of the manifest.',
  });
}

async function collectResult(deps: FlowDeps, attemptId: string, parsed: Result, result: Digest): Promise<Collected> {
  const outputs = parsed.outputs ? await storeOutputs(deps, attemptId) : [];
  const log = await storeLog(deps, attemptId);
  const { worker, excluded, exit } = parsed;
  const blocks = parsed.blocks.map(({ index, block, lens, exit, startedAt, endedAt }) => ({
    index,
    block,
    ...(lens === undefined ? {} : { lens }),
    exit,
    startedAt,
    endedAt,
  }));
  return {
    ending: { outcome: parsed.outcome, reason: parsed.reason },
    exit,
    result,
    outputs: log ? [...outputs, log] : outputs,
    claimed: { blocks, worker, ...(excluded.length > 0 ? { excluded: excluded.length } : {}) },
  };
}

async function storeOutputs(deps: FlowDeps, attemptId: string): Promise<OutputRef[]> {
  const outputs: OutputRef[] = [];
  const frame = await deps.mailbox.openOutputs(attemptId);
  for await (const { name, kind, sha256, bytes } of splitOutputs(frame, JOB_LIMITS)) {
    const stored = await deps.artifacts.put(kind === 'patch' ? checkedPatch(bytes) : bytes, { expected: sha256 });
    outputs.push({ name, kind, ...stored });
  }
  return outputs;
}

/** A patch is parsed before it is kept: a reviewer sees every file that it touches, or nothing. */
async function* checkedPatch(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  parsePatch(whole);
  yield whole;
}

async function storeLog(deps: FlowDeps, attemptId: string): Promise<OutputRef | null> {
  const log = await deps.mailbox.openLog(attemptId);
  if (log === null) return null;
  const stored = await deps.artifacts.put(log, { maxBytes: JOB_LIMITS.logBytes });
  return { name: 'log', kind: 'log', ...stored };
}
