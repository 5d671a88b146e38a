/** Parser of the lease, for the worker: what it reads decides what runs, so it is read as strictly as what workers write. */

import { LIMITS } from '@waybill/client/limits';
import type { Block } from '@waybill/client/plan';
import type { DsseEnvelope } from '@waybill/verify';
import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import { ISOLATIONS, type Job, type JobLimits, type Lease } from './mailbox-protocol.ts';

const LEASE: DocumentKind = { code: 'LEASE_INVALID', name: 'lease' };

const MAX_BLOCKS = LIMITS.blocksPerPipeline;
const MAX_INPUTS = 1_000;
const MAX_TEXT = 1_000_000;
const MAX_URL = 8_192;
const NAME = /^[a-z0-9](?!.*\.\.)[a-z0-9._-]*$/;
const ITEM = /^[a-z0-9](?!.*\.\.)[a-z0-9._-]*(?:~[1-9][0-9]*)*$/;

/** Throws TerminalError LEASE_INVALID unless the bytes are exactly one canonical lease. The manifest's signature is not checked here. */
export function parseLease(bytes: Uint8Array): Lease {
  const root = readDocument(bytes, LEASE);
  const put = root.object('put');
  const lease: Lease = {
    v: root.oneOf('v', [1]),
    attemptId: root.id('attemptId'),
    manifest: root.verbatim('manifest') as DsseEnvelope,
    job: readJob(root.object('job')),
    inputs: root.objects('inputs', MAX_INPUTS).map((input) =>
      input.close({
        key: input.string('key', 63, NAME),
        url: input.string('url', MAX_URL),
        sha256: input.digest('sha256'),
        sizeBytes: input.integer('sizeBytes', 0),
      }),
    ),
    put: put.close({
      heartbeat: put.string('heartbeat', MAX_URL),
      log: put.string('log', MAX_URL),
      outputs: put.string('outputs', MAX_URL),
      result: put.string('result', MAX_URL),
    }),
    heartbeatMs: root.integer('heartbeatMs', 10, 3_600_000),
    expiresAt: root.instant('expiresAt'),
    cancel: root.boolean('cancel'),
    next: root.string('next', MAX_URL),
  };
  if (root.has('source')) {
    const source = root.object('source');
    lease.source = source.close({
      url: source.string('url', MAX_URL),
      sha256: source.digest('sha256'),
      sizeBytes: source.integer('sizeBytes', 0),
      commit: source.string('commit', 64, /^([0-9a-f]{40}|[0-9a-f]{64})$/),
    });
  }
  return root.close(lease);
}

function readJob(reader: DocumentReader): Job {
  return reader.close({
    v: reader.oneOf('v', [1]),
    attemptId: reader.id('attemptId'),
    run: reader.id('run'),
    item: reader.string('item', 63, ITEM),
    attempt: reader.integer('attempt', 1),
    pipeline: reader.objects('pipeline', MAX_BLOCKS).map(readBlock),
    env: reader.texts('env', 1_000, MAX_TEXT),
    timeoutMs: reader.integer('timeoutMs', 1),
    limits: readLimits(reader.object('limits')),
    isolation: reader.oneOf('isolation', ISOLATIONS),
  });
}

function readLimits(reader: DocumentReader): JobLimits {
  return reader.close({
    outputsBytes: reader.integer('outputsBytes', 0),
    fileBytes: reader.integer('fileBytes', 0),
    files: reader.integer('files', 0, 100_000),
    logBytes: reader.integer('logBytes', 0),
    patchBytes: reader.integer('patchBytes', 0),
  });
}

function readBlock(reader: DocumentReader): Block {
  const block = reader.oneOf('block', ['script', 'agent', 'capture']);
  if (block === 'capture') return reader.close({ block, what: reader.oneOf('what', ['patch', 'outputs']) });
  const timeout = reader.has('timeoutMs') ? { timeoutMs: reader.integer('timeoutMs', 1) } : {};
  if (block === 'agent') {
    const adapter = reader.oneOf('adapter', ['command']);
    return reader.close({ block, adapter, command: reader.strings('command', 1_000, MAX_TEXT), ...timeout });
  }
  const lens = reader.has('lens') ? { lens: reader.oneOf('lens', ['gate', 'verify']) } : {};
  return reader.close({ block, run: reader.textOrTexts('run', 1_000, MAX_TEXT), ...lens, ...timeout });
}
