/** The life of one attempt, as its worker lives it: read the lease, check it, fetch, run, report, clean up. */
import { join } from 'node:path';
import { parseLease } from '#core/lease-document.ts';
import { type ClaimedOutcome, type Lease, WORKER_EXIT } from '#core/mailbox-protocol.ts';
import type { Recipient } from '#core/sealed-secrets.ts';
import { mayShareWorker } from '#core/shared-worker.ts';
import { endingOf } from './attempt-ended.ts';
import { type AttemptTree, createAttemptTree, createSharedTree, removeAttemptTree } from './attempt-tree.ts';
import { THE_INTERNET } from './egress/reach.ts';
import { EgressTally } from './egress/tally.ts';
import { MAX_LEASE_BYTES, type Pulse, startPulse } from './heartbeat.ts';
import { checkLease, type WorkerIdentity } from './lease-check.ts';
import { startLiveLog } from './live-log.ts';
import { createLogFile, type LogFile } from './log-file.ts';
import { getBytes } from './mailbox-client.ts';
import { materialise } from './materialise.ts';
import { takeSessions } from './model/block-model.ts';
import type { OpenOutputPipes } from './output-pipes.ts';
import { NOTHING_LEFT, type PipelineEnd, runPipeline, STOPPED } from './pipeline.ts';
import { redactedLog } from './redacted-log.ts';
import { createRedactor } from './redactor.ts';
import { report } from './report.ts';
import { openRunner, type RunnerSession } from './runner-session.ts';
import { receiveSecrets } from './secret-channel.ts';
import { secretFree } from './secret-free.ts';
import type { StopRequest } from './stop-request.ts';

export interface AttemptOptions {
  leaseUrl: string;
  worker: WorkerIdentity;
  allowUnsandboxed: boolean;
  /** Where the runner of the blocks' container listens; null where there is none, and blocks run here. */
  runnerSocket: string | null;
  /** Path of models.json; null where no agent is let to a model. */
  modelsFile: string | null;
  /** For what sandboxed blocks say. */
  outputPipes: OpenOutputPipes;
  /** Directory of those that sandboxed blocks have; null where they have the host's. */
  deviceNodes: string | null;
  stop: StopRequest;
  /** Told before the result is put of an attempt that leaves its process to others. */
  ends(): void;
}

const EXIT_BY_OUTCOME: Record<ClaimedOutcome, number> = {
  succeeded: WORKER_EXIT.finished,
  partial: WORKER_EXIT.finished,
  policy_blocked: WORKER_EXIT.policyBlocked,
  deferred: WORKER_EXIT.needsInput,
  timed_out: WORKER_EXIT.timedOut,
  contract_error: WORKER_EXIT.contractError,
  cancelled: WORKER_EXIT.cancelled,
  failed: WORKER_EXIT.failed,
  stalled: WORKER_EXIT.failed,
};

export interface AttemptEnd {
  /** Of the worker. */
  exit: number;
  /** Nothing in its job keeps the process from serving another. */
  isShareable: boolean;
}

/**
 * Throws TerminalError LEASE_INVALID, with nothing run and nothing written,
 * when the lease does not hold; RetryableError MAILBOX_UNREACHABLE when nobody could be told how it ended.
 */
export async function runAttempt(options: AttemptOptions): Promise<AttemptEnd> {
  const { leaseUrl, worker, runnerSocket, stop } = options;
  const lease = parseLease(await getBytes(leaseUrl, MAX_LEASE_BYTES));
  const { epoch, manifest } = await checkLease(lease, worker, Date.now());
  const { attemptId } = worker;
  const tree = runnerSocket === null ? createAttemptTree(attemptId) : createSharedTree(attemptId, runnerSocket);
  const log = createLogFile(join(tree.private, 'log'), lease.job.limits.logBytes);
  try {
    const pulse = startPulse(lease, stop);
    if (lease.cancel) stop.stop('cancelled');
    const live = startLiveLog(pulse.showLog, log, lease.heartbeatMs);
    const end = await work({ lease, to: { attemptId, epoch, manifest } }, tree, log, options, pulse.progress);
    await live.end();
    await pulse.end();
    const isShareable = mayShareWorker(lease.job);
    if (stop.reason() === 'engine_gone') return { exit: WORKER_EXIT.cancelled, isShareable };
    const identity = { attemptId, epoch, worker: worker.executable };
    const exit = EXIT_BY_OUTCOME[end.outcome];
    const put: Pulse['put'] = (object, body, once) => {
      if (object === 'result' && isShareable && exit === WORKER_EXIT.finished) options.ends();
      return pulse.put(object, body, once);
    };
    await report(put, identity, end, log);
    return { exit, isShareable };
  } finally {
    log.close();
    await removeAttemptTree(tree);
  }
}

/** Fetching what the job needs counts against its wall clock. */
async function work(
  { lease, to }: { lease: Lease; to: Omit<Recipient, 'key'> },
  tree: AttemptTree,
  log: LogFile,
  { stop, allowUnsandboxed, runnerSocket, modelsFile, outputPipes, deviceNodes }: AttemptOptions,
  onBlock: Parameters<typeof runPipeline>[0]['onBlock'],
): Promise<PipelineEnd> {
  const { job } = lease;
  let runner: RunnerSession | null = null;
  const timer = setTimeout(() => stop.stop('timed_out'), Math.min(job.timeoutMs, 2 ** 31 - 1));
  try {
    const materials = await materialise(tree, lease);
    const { secrets, sessions } = takeSessions(await receiveSecrets(lease, to, stop));
    const redactor = createRedactor(secrets);
    runner = runnerSocket === null ? null : await openRunner(runnerSocket, stop.signal);
    const spoken = secrets.size === 0 ? log : redactedLog(log, redactor);
    const models = { file: modelsFile, sessions };
    const given = { stop, allowUnsandboxed, runner, models, secrets, redactor, outputPipes, deviceNodes, onBlock };
    const context = {
      job,
      tree,
      ...materials,
      log: spoken,
      ...given,
      outside: THE_INTERNET,
      egress: new EgressTally(),
    };
    return secretFree(await runPipeline(context), redactor);
  } catch (error) {
    return beforeFirstBlock(error, stop, log);
  } finally {
    runner?.close();
    clearTimeout(timer);
  }
}

function beforeFirstBlock(error: unknown, stop: StopRequest, log: LogFile): PipelineEnd {
  const nothing = { exit: null, ...NOTHING_LEFT };
  const stopped = stop.reason();
  if (stopped !== null) return { ...nothing, ...STOPPED[stopped] };
  const { outcome, reason, note } = endingOf(error);
  log.note(note);
  return { ...nothing, outcome, reason };
}
