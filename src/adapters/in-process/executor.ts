/**
 * Launcher and mailbox for work that runs inside the engine's process: no worker, no sandbox, isolation `in-process`,
 * which the evidence says. For benchmarks and for tests of whole runs; nothing that a user submits comes here.
 *
 * Everything is staged as bytes exactly as a worker would stage it, so that settling does all it does otherwise.
 */
import { RetryableError } from '@waybill/client/errors';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Job, Result } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME } from '#core/output-name.ts';
import { frameHeader } from '#core/outputs-frame.ts';
import type { Launcher } from '#ports/launcher.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';

export interface Execution {
  outcome: Result['outcome'];
  reason: string;
  exit?: number | null;
  /** What it asks of people; then it is deferred for `needs_input`. */
  question?: string;
  /** By name below outputs/. */
  outputs?: Record<string, Uint8Array>;
  usage?: Result['usage'];
  /** What a later attempt goes on from. */
  checkpoint?: Uint8Array;
  egress?: Result['egress'];
}

export interface ExecutionContext {
  lease: LeaseDraft;
  /** Aborted when the attempt is cancelled or stopped. */
  signal: AbortSignal;
}

/** Does the work of an attempt. `null` ends without a result, as a worker that died. */
export type Execute = (job: Job, context: ExecutionContext) => Promise<Execution | null> | Execution | null;

interface Box {
  lease: LeaseDraft;
  abort: AbortController;
  result: Uint8Array | null;
  outputs: Uint8Array | null;
}

const WORKER = digestOf('in-process');

export function createInProcessExecutor(execute: Execute): { launcher: Launcher; mailbox: Mailbox } {
  const boxes = new Map<string, Box>();
  let staged: Parameters<Mailbox['onStaged']>[0] = () => {};
  let stopped: Parameters<Launcher['onStopped']>[0] = () => {};
  const abort = (attemptId: string): void => boxes.get(attemptId)?.abort.abort();

  async function work(attemptId: string, box: Box): Promise<void> {
    const startedAt = new Date().toISOString();
    const execution = await execute(box.lease.job, { lease: box.lease, signal: box.abort.signal });
    if (execution === null) {
      stopped({ attemptId, cause: 'exited', exit: 1, detail: '' });
      return;
    }
    const { outputs, checkpoint } = execution;
    if (outputs || checkpoint) box.outputs = frame(outputs ?? {}, checkpoint);
    box.result = resultOf(box, execution, startedAt);
    staged(attemptId, 'result');
  }

  const mailbox: Mailbox = {
    async post(lease) {
      const box = boxes.get(lease.attemptId) ?? { abort: new AbortController(), result: null, outputs: null };
      boxes.set(lease.attemptId, { ...box, lease });
      return `in-process:${lease.attemptId}`;
    },
    renew: async () => {},
    cancel: async (attemptId) => abort(attemptId),
    staged: async (attemptId) => ({
      heartbeat: null,
      heartbeatAtMs: null,
      result: boxes.get(attemptId)?.result ?? null,
    }),
    async openOutputs(attemptId) {
      const outputs = boxes.get(attemptId)?.outputs;
      if (!outputs) throw missing(attemptId);
      return streamOf(outputs);
    },
    openLog: async () => null,
    close: async (attemptId) => void boxes.delete(attemptId),
    onStaged: (listener) => {
      staged = listener;
    },
  };
  const launcher: Launcher = {
    handleOf: () => null,
    probe: async () => ({ isolation: 'in-process', executable: 'in-process', detail: 'work runs inside the engine' }),
    async launch({ attemptId }) {
      const box = boxes.get(attemptId);
      if (!box) throw missing(attemptId);
      void work(attemptId, box);
      return `in-process:${attemptId}`;
    },
    stop: async (handle) => abort(attemptOf(handle)),
    alive: async (handles) => new Set(handles.filter((handle) => boxes.has(attemptOf(handle)))),
    keep: async () => {},
    onStopped: (listener) => {
      stopped = listener;
    },
  };
  return { mailbox, launcher };
}

function attemptOf(handle: string): string {
  return handle.slice('in-process:'.length);
}

function resultOf({ lease, outputs }: Box, execution: Execution, startedAt: string): Uint8Array {
  const { outcome, reason, exit = null, question, usage, egress } = execution;
  const endedAt = new Date().toISOString();
  const result: Result = {
    // In the order of the canonical form, which is then written faster.
    attemptId: lease.attemptId,
    blocks: lease.job.pipeline.map((step, index) => ({
      block: step.block,
      endedAt,
      exit,
      index,
      ...('lens' in step && step.lens !== undefined ? { lens: step.lens } : {}),
      startedAt,
    })),
    epoch: lease.job.attempt,
    excluded: [],
    exit,
    log: null,
    outcome,
    outputs: outputs ? { sha256: digestOf(outputs), sizeBytes: outputs.byteLength } : null,
    ...(question === undefined ? {} : { question }),
    reason,
    v: 1,
    worker: WORKER,
    ...(usage === undefined ? {} : { usage }),
    ...(egress === undefined ? {} : { egress }),
  };
  return new TextEncoder().encode(canonicalize(result));
}

function frame(outputs: Record<string, Uint8Array>, checkpoint: Uint8Array | undefined): Uint8Array {
  const bytesOf = new Map(Object.entries(outputs).map(([name, bytes]) => [`outputs/${name}`, bytes]));
  if (checkpoint !== undefined) bytesOf.set(CHECKPOINT_NAME, checkpoint);
  const files = [...bytesOf].map(([name, bytes]) => ({
    name,
    kind: name === CHECKPOINT_NAME ? ('checkpoint' as const) : ('output' as const),
    sizeBytes: bytes.byteLength,
    sha256: digestOf(bytes),
  }));
  const { header, files: placed } = frameHeader(files);
  const head = new TextEncoder().encode(header);
  const whole = new Uint8Array(head.byteLength + files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  whole.set(head);
  for (const { name, offset } of placed) whole.set(bytesOf.get(name) as Uint8Array, head.byteLength + offset);
  return whole;
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function missing(attemptId: string): RetryableError {
  const problem = 'nothing was posted or staged for this attempt';
  return new RetryableError({
    code: 'OBJECT_MISSING',
    path: `mailbox/${attemptId}`,
    problem,
    fix: 'Post the lease first.',
  });
}
