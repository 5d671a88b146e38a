/** Parsers of what a worker writes. The bytes are hostile: nothing here trusts a length, a key or a type. */

import { LIMITS } from '@waybill/client/limits';
import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import {
  type BlockEvidence,
  CLAIMED_OUTCOMES,
  type Heartbeat,
  MAX_EXCLUDED,
  MAX_INLINE_BYTES,
  MAX_PATH_LENGTH,
  type Result,
} from './mailbox-protocol.ts';

const RESULT: DocumentKind = { code: 'RESULT_INVALID', name: 'result' };
const HEARTBEAT: DocumentKind = { code: 'RESULT_INVALID', name: 'heartbeat' };

const MAX_BLOCKS = LIMITS.blocksPerPipeline;
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
  if (root.has('inline')) result.inline = readInline(root, result);
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

function readExit(reader: DocumentReader): number | null {
  return reader.nullable('exit', (from) => from.integer('exit', 0, 255));
}
