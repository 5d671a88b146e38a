/** Parsers of what a worker writes. The bytes are hostile: nothing here trusts a length, a key or a type. */

import { LIMITS, PIN_LIMITS } from '@waybill/client/limits';
import { PLAIN_LINES } from '@waybill/verify';
import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import { readEgress } from './egress-document.ts';
import {
  type BlockEvidence,
  CLAIMED_OUTCOMES,
  type Heartbeat,
  MAX_EXCLUDED,
  MAX_INLINE_BYTES,
  MAX_PATH_LENGTH,
  MAX_QUESTION_CHARS,
  MAX_USAGE,
  MAX_USAGE_PROBLEM,
  type Result,
  type SetupEvidence,
} from './mailbox-protocol.ts';
import { readUsage } from './usage-document.ts';

const RESULT: DocumentKind = { code: 'RESULT_INVALID', name: 'result' };
const HEARTBEAT: DocumentKind = { code: 'RESULT_INVALID', name: 'heartbeat' };

const MAX_BLOCKS = LIMITS.blocksPerPipeline;
const CAPABILITY = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const REASON = /^[a-z][a-z0-9_]*$/;

/**
 * Throws TerminalError RESULT_INVALID unless the bytes are exactly one canonical, complete result that does not contradict
 * itself. What passes can be recorded as it stands: a verifier finds no fault with it.
 */
export function parseResult(bytes: Uint8Array): Result {
  const root = readDocument(bytes, RESULT);
  const result: Result = {
    v: root.oneOf('v', [1]),
    attemptId: root.id('attemptId'),
    epoch: root.integer('epoch', 1),
    outcome: root.oneOf('outcome', CLAIMED_OUTCOMES),
    reason: root.string('reason', 64, REASON),
    exit: readExit(root),
    blocks: readBlocks(root),
    outputs: root.nullable('outputs', (reader) => {
      const outputs = reader.object('outputs');
      return outputs.close({ sha256: outputs.digest('sha256'), sizeBytes: outputs.integer('sizeBytes', 0) });
    }),
    log: root.nullable('log', (reader) => {
      const log = reader.object('log');
      return log.close({
        sha256: log.digest('sha256'),
        sizeBytes: log.integer('sizeBytes', 0),
        truncated: log.boolean('truncated'),
      });
    }),
    excluded: root.strings('excluded', MAX_EXCLUDED, MAX_PATH_LENGTH),
    worker: root.digest('worker'),
  };
  if (root.has('question')) result.question = readQuestion(root, result);
  if (root.has('setup')) result.setup = readSetups(root);
  if (root.has('inline')) result.inline = readInline(root, result);
  if (root.has('usage')) {
    result.usage = root.objects('usage', MAX_USAGE).map((reader) => readUsage(reader, MAX_BLOCKS));
    if (result.usage.length === 0) root.refuse('usage', 'is empty');
  }
  if (root.has('usageUnread'))
    result.usageUnread = root.boolean('usageUnread') || root.refuse('usageUnread', 'is false');
  if (root.has('usageProblem')) result.usageProblem = root.string('usageProblem', MAX_USAGE_PROBLEM);
  if (result.usageProblem !== undefined && result.usageUnread === undefined)
    root.refuse('usageProblem', 'stands only where usage could not be read');
  if (root.has('egress')) result.egress = readEgress(root.object('egress'), result.blocks);
  const succeeded = result.outcome === 'succeeded';
  if (succeeded !== (result.reason === 'ok')) root.refuse('reason', `does not go with the outcome ${result.outcome}`);
  if (succeeded && (result.exit ?? 0) !== 0) root.refuse('exit', 'is not 0, and yet the outcome is succeeded');
  return root.close(result);
}

/** Throws TerminalError RESULT_INVALID unless the bytes are exactly one canonical heartbeat. */
export function parseHeartbeat(bytes: Uint8Array): Heartbeat {
  const root = readDocument(bytes, HEARTBEAT);
  const heartbeat: Heartbeat = {
    v: root.oneOf('v', [1]),
    attemptId: root.id('attemptId'),
    seq: root.integer('seq', 0),
    at: root.instant('at'),
  };
  if (root.has('progress')) {
    const progress = root.object('progress');
    heartbeat.progress = progress.close({
      block: progress.integer('block', 0, MAX_BLOCKS),
      of: progress.integer('of', 0, MAX_BLOCKS),
      label: progress.string('label', 200),
    });
  }
  return root.close(heartbeat);
}

function readBlocks(root: DocumentReader): BlockEvidence[] {
  let before = -1;
  return root.objects('blocks', MAX_BLOCKS).map((reader) => {
    const evidence = readBlock(reader);
    if (evidence.index <= before) reader.refuse('index', 'does not ascend');
    before = evidence.index;
    return evidence;
  });
}

function readSetups(root: DocumentReader): SetupEvidence[] {
  const setups = root.objects('setup', PIN_LIMITS.perItem).map((reader) =>
    reader.close({
      capability: reader.string('capability', PIN_LIMITS.capabilityNameChars, CAPABILITY),
      exit: readExit(reader),
      startedAt: reader.instant('startedAt'),
      endedAt: reader.instant('endedAt'),
    }),
  );
  if (setups.length === 0) root.refuse('setup', 'is empty');
  return setups;
}

function readBlock(reader: DocumentReader): BlockEvidence {
  const evidence: BlockEvidence = {
    index: reader.integer('index', 0, MAX_BLOCKS - 1),
    block: reader.oneOf('block', ['script', 'agent', 'capture']),
    exit: readExit(reader),
    startedAt: reader.instant('startedAt'),
    endedAt: reader.instant('endedAt'),
  };
  if (reader.has('lens')) evidence.lens = reader.oneOf('lens', ['gate', 'verify']);
  return reader.close(evidence);
}

/** Only what the result names may be in it. */
function readInline(root: DocumentReader, result: Result): NonNullable<Result['inline']> {
  const inline = root.object('inline');
  const found: NonNullable<Result['inline']> = {};
  for (const name of ['outputs', 'log'] as const) {
    if (!inline.has(name)) continue;
    if (result[name] === null) inline.refuse(name, 'is there, and yet the result names none');
    found[name] = inline.string(name, Math.ceil(MAX_INLINE_BYTES / 3) * 4, BASE64);
  }
  return inline.close(found);
}

function readQuestion(root: DocumentReader, { outcome, reason }: Result): string {
  const isAsking = outcome === 'deferred' && reason === 'needs_input';
  if (!isAsking) root.refuse('question', `does not go with ${outcome} for ${reason}`);
  return root.string('question', MAX_QUESTION_CHARS, PLAIN_LINES);
}

function readExit(reader: DocumentReader): number | null {
  return reader.nullable('exit', (from) => from.integer('exit', 0, 255));
}
