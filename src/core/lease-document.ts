/** Parser of the lease, for the worker: what it reads decides what runs, so it is read as strictly as what workers write. */

import { isEgressRule } from '@waybill/client/egress';
import { LIMITS, PIN_LIMITS } from '@waybill/client/limits';
import type { AgentBlock, Block, BlockSecrets, PlanGuards, PromptedBlock } from '@waybill/client/plan';
import { type DsseEnvelope, ITEM_ID } from '@waybill/verify';
import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import {
  ISOLATIONS,
  type Job,
  type JobEgress,
  type JobLimits,
  type JobResources,
  type Lease,
} from './mailbox-protocol.ts';

const LEASE: DocumentKind = { code: 'LEASE_INVALID', name: 'lease' };

const MAX_BLOCKS = LIMITS.blocksPerPipeline;
const MAX_INPUTS = 1_000;
const MAX_TEXT = 1_000_000;
const MAX_URL = 8_192;
const MAX_RULES = 1_000;
const MAX_RULE = 300;
const NAME = /^[a-z0-9](?!.*\.\.)[a-z0-9._-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

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
  if (root.has('channel')) {
    const channel = root.object('channel');
    lease.channel = channel.close({
      putKey: channel.string('putKey', MAX_URL),
      deleteKey: channel.string('deleteKey', MAX_URL),
      getSealed: channel.string('getSealed', MAX_URL),
      deleteSealed: channel.string('deleteSealed', MAX_URL),
    });
  }
  return root.close(lease);
}

function readJob(reader: DocumentReader): Job {
  return reader.close({
    v: reader.oneOf('v', [1]),
    attemptId: reader.id('attemptId'),
    run: reader.id('run'),
    item: reader.string('item', 63, ITEM_ID),
    attempt: reader.integer('attempt', 1),
    pipeline: reader.objects('pipeline', MAX_BLOCKS).map(readBlock),
    env: reader.texts('env', 1_000, MAX_TEXT),
    ...(reader.has('capabilities') ? { capabilities: reader.strings('capabilities', PIN_LIMITS.perItem, 63) } : {}),
    timeoutMs: reader.integer('timeoutMs', 1),
    limits: readLimits(reader.object('limits')),
    ...(reader.has('models') ? { models: reader.strings('models', MAX_BLOCKS, 128) } : {}),
    ...(reader.has('resources') ? { resources: readResources(reader.object('resources')) } : {}),
    ...(reader.has('egress') ? { egress: readEgress(reader.object('egress')) } : {}),
    isolation: reader.oneOf('isolation', ISOLATIONS),
  });
}

function readEgress(reader: DocumentReader): JobEgress {
  const rules = (key: 'ask' | 'allow' | 'deny'): string[] => {
    const found = reader.strings(key, MAX_RULES, MAX_RULE);
    if (!found.every(isEgressRule)) reader.refuse(key, 'holds what is no rule for hosts');
    return found;
  };
  return reader.close({ ask: rules('ask'), allow: rules('allow'), deny: rules('deny') });
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

function readResources(reader: DocumentReader): JobResources {
  return reader.close({
    ...(reader.has('cpuMs') ? { cpuMs: reader.integer('cpuMs', 1) } : {}),
    memoryBytes: reader.integer('memoryBytes', 1),
    diskBytes: reader.integer('diskBytes', 1),
    inodes: reader.integer('inodes', 1),
    processes: reader.integer('processes', 1),
    openFiles: reader.integer('openFiles', 1),
  });
}

function readBlock(reader: DocumentReader): Block {
  const block = reader.oneOf('block', ['script', 'agent', 'capture']);
  if (block === 'capture') return reader.close({ block, what: reader.oneOf('what', ['patch', 'outputs']) });
  const more = {
    ...(reader.has('secrets') ? { secrets: readSecrets(reader.object('secrets')) } : {}),
    ...(reader.has('timeoutMs') ? { timeoutMs: reader.integer('timeoutMs', 1) } : {}),
    ...(reader.has('guards') ? { guards: readGuards(reader.object('guards')) } : {}),
  };
  if (block === 'agent') return reader.close({ ...readAgent(reader), ...more });
  const lens = reader.has('lens') ? { lens: reader.oneOf('lens', ['gate', 'verify']) } : {};
  return reader.close({ block, run: reader.textOrTexts('run', 1_000, MAX_TEXT), ...lens, ...more });
}

function readSecrets(reader: DocumentReader): BlockSecrets {
  return Object.fromEntries(
    reader.unread().map((variable): [string, BlockSecrets[string]] => {
      if (!VARIABLE.test(variable)) reader.refuse(variable, 'is no name of a variable');
      if (!reader.holdsObject(variable)) return [variable, reader.string(variable, 63, NAME)];
      const named = reader.object(variable);
      return [variable, named.close({ file: named.string('file', 63, NAME) })];
    }),
  );
}

function readGuards(reader: DocumentReader): PlanGuards {
  const guards: PlanGuards = {};
  for (const key of ['stallMs', 'outputBytes', 'toldBytes', 'repeats', 'errors'] as const)
    if (reader.has(key)) guards[key] = reader.integer(key, 1);
  return reader.close(guards);
}

function readAgent(reader: DocumentReader): AgentBlock {
  const adapter = reader.oneOf('adapter', ['command', 'claude-code', 'codex', 'bedrock']);
  if (adapter === 'command') return { block: 'agent', adapter, command: reader.strings('command', 1_000, MAX_TEXT) };
  const block: PromptedBlock = { block: 'agent', adapter, model: reader.string('model', 128) };
  for (const key of ['prompt', 'promptFile', 'reply', 'program'] as const) {
    if (reader.has(key)) block[key] = reader.string(key, MAX_TEXT);
  }
  if (reader.has('maxTurns')) block.maxTurns = reader.integer('maxTurns', 1);
  if (reader.has('tools')) block.tools = reader.strings('tools', 1_000, MAX_TEXT);
  if (reader.has('sandbox')) {
    block.sandbox = reader.oneOf('sandbox', ['read-only', 'workspace-write', 'danger-full-access']);
  }
  return block;
}
