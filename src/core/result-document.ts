/** Parsers of what a worker writes. The bytes are hostile: nothing here trusts a length, a key or a type. */

import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import {
  type BlockEvidence,
  CLAIMED_OUTCOMES,
  type Heartbeat,
  MAX_EXCLUDED,
  MAX_PATH_LENGTH,
  type Result,
} from './mailbox-protocol.ts';

const RESULT: DocumentKind = { code: 'RESULT_INVALID', name: 'result' };
const HEARTBEAT: DocumentKind = { code: 'RESULT_INVALID', name: 'heartbeat' };

const MAX_BLOCKS = 1_000;
const REASON = /^[a-z][a-z0-9_]*$/;

/** Throws TerminalError RESULT_INVALID unless the bytes are exactly one canonical, complete result. */
export function parseResult(bytes: Uint8Array): Result {
  const root = readDocument(bytes, RESULT);
  const result: Result = {
    v: root.oneOf('v', [1]),
    attemptId: root.id('attemptId'),
    epoch: root.integer('epoch', 1),
    outcome: root.oneOf('outcome', CLAIMED_OUTCOMES),
    reason: root.string('reason', 64, REASON),
    exit: readExit(root),
    blocks: root.objects('blocks', MAX_BLOCKS).map(readBlock),
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

function readBlock(reader: DocumentReader): BlockEvidence {
  const evidence: BlockEvidence = {
    index: reader.integer('index', 0, MAX_BLOCKS),
    block: reader.oneOf('block', ['script', 'agent', 'capture']),
    exit: readExit(reader),
    startedAt: reader.instant('startedAt'),
    endedAt: reader.instant('endedAt'),
  };
  if (reader.has('lens')) evidence.lens = reader.oneOf('lens', ['gate', 'verify']);
  return reader.close(evidence);
}

function readExit(reader: DocumentReader): number | null {
  return reader.nullable('exit', (from) => from.integer('exit', 0, 255));
}
