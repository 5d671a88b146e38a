/** Runs the blocks of a job one after the other and says how that ended. The first block that fails is the last. */
import type { Block } from '@waybill/client/plan';
import type { BlockEvidence, ClaimedOutcome, Job } from '#core/mailbox-protocol.ts';
import { AttemptEnded, breach, endingOf } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { type Baseline, emptyBaseline } from './baseline.ts';
import { type BlockCommand, type BlockEnd, runBlock } from './block-process.ts';
import { captureOutputs } from './capture-outputs.ts';
import { capturePatch } from './capture-patch.ts';
import type { CapturedFile } from './captured-file.ts';
import { killMarked } from './left-processes.ts';
import type { LogFile } from './log-file.ts';
import type { RunnerSession } from './runner-session.ts';
import { type BlockView, containerView, SANDBOX_VIEW, sandboxCommand, unsandboxedView } from './sandbox.ts';
import type { StopReason, StopRequest } from './stop-request.ts';

export interface PipelineContext {
  job: Job;
  tree: AttemptTree;
  /** Null without a source: the empty tree. */
  baseline: Baseline | null;
  log: LogFile;
  stop: StopRequest;
  /** Agent blocks may run without a sandbox. */
  allowUnsandboxed: boolean;
  /** Of the container in which blocks run; null where this worker starts them itself. */
  runner: RunnerSession | null;
  onBlock(progress: { block: number; of: number; label: string }): void;
}

export interface PipelineEnd {
  outcome: ClaimedOutcome;
  reason: string;
  /** Of the block that decided; 0 when all went well. */
  exit: number | null;
  blocks: BlockEvidence[];
  patch: CapturedFile | null;
  outputs: CapturedFile[];
  excluded: string[];
}

type Verdict = Pick<PipelineEnd, 'outcome' | 'reason' | 'exit'>;

const WELL: Verdict = { outcome: 'succeeded', reason: 'ok', exit: 0 };
/** 128 + SIGKILL: inside a sandbox nobody but the kernel sends it, and the kernel does for want of memory. */
const KILLED_EXIT = 137;

/** What the exit code of an agent means, as in the worker's own exit codes. */
const AGENT_EXITS: Partial<Record<number, Verdict>> = {
  10: { outcome: 'policy_blocked', reason: 'policy_blocked', exit: 10 },
  20: { outcome: 'deferred', reason: 'needs_input', exit: 20 },
  30: { outcome: 'timed_out', reason: 'timeout', exit: 30 },
};

export const STOPPED: Record<StopReason, Verdict> = {
  cancelled: { outcome: 'cancelled', reason: 'cancelled', exit: null },
  engine_gone: { outcome: 'cancelled', reason: 'engine_gone', exit: null },
  timed_out: { outcome: 'timed_out', reason: 'timeout', exit: null },
};

/** Never throws for what a block does. */
export async function runPipeline(context: PipelineContext): Promise<PipelineEnd> {
  const end: PipelineEnd = { ...WELL, blocks: [], patch: null, outputs: [], excluded: [] };
  const blocks = context.job.pipeline;
  for (const [index, block] of blocks.entries()) {
    const label = labelOf(block);
    context.onBlock({ block: index + 1, of: blocks.length, label });
    context.log.note(`block ${index + 1} of ${blocks.length}: ${label}`);
    const startedAt = now();
    const verdict = await judge(context, block, end);
    end.blocks.push({
      index,
      block: block.block,
      ...(block.block === 'script' && block.lens !== undefined ? { lens: block.lens } : {}),
      exit: verdict.exit,
      startedAt,
      endedAt: now(),
    });
    Object.assign(end, verdict);
    if (end.outcome !== 'succeeded') break;
  }
  return end;
}

async function judge(context: PipelineContext, block: Block, end: PipelineEnd): Promise<Verdict> {
  try {
    const stopped = context.stop.reason();
    if (stopped !== null) return STOPPED[stopped];
    return block.block === 'capture' ? await capture(context, block.what, end) : await run(context, block);
  } catch (error) {
    const { outcome, reason, note } = endingOf(error);
    context.log.note(note);
    return { outcome, reason, exit: null };
  }
}

async function capture(context: PipelineContext, what: 'patch' | 'outputs', end: PipelineEnd): Promise<Verdict> {
  const { tree, job } = context;
  if (what === 'outputs') {
    end.outputs = await captureOutputs(tree, job.limits);
  } else {
    const baseline = context.baseline ?? (await emptyBaseline(tree));
    const { file, excluded } = await capturePatch(tree, baseline, job.limits.patchBytes);
    end.patch = file;
    end.excluded = excluded;
  }
  const sizeBytes = end.outputs.reduce((sum, file) => sum + file.sizeBytes, end.patch?.sizeBytes ?? 0);
  if (sizeBytes <= job.limits.outputsBytes) return WELL;
  end.patch = null;
  end.outputs = [];
  throw breach('output_too_large', `are with the patch larger than ${job.limits.outputsBytes} bytes`, 'outputs');
}

async function run(context: PipelineContext, block: Exclude<Block, { block: 'capture' }>): Promise<Verdict> {
  const { job, log, stop } = context;
  if (block.block === 'agent' && job.isolation === 'none' && !context.allowUnsandboxed) {
    throw new AttemptEnded('policy_blocked', 'sandbox_required', 'does not run without a sandbox', 'agent');
  }
  const { exit, timedOut } = await START[job.isolation](context, commandOf(block), {
    ...(block.timeoutMs === undefined ? {} : { timeoutMs: block.timeoutMs }),
    signal: stop.signal,
    forceAtOnce: () => stop.reason() === 'engine_gone',
    onOutput: (bytes) => log.write(bytes),
  });
  const stopped = stop.reason();
  if (stopped !== null) return { ...STOPPED[stopped], exit };
  if (timedOut) return { outcome: 'timed_out', reason: 'timeout', exit };
  const unstarted = job.isolation === 'bubblewrap' ? 'sandbox_failed' : 'start_failed';
  if (exit === null) return { outcome: 'failed', reason: unstarted, exit };
  return exit === 0 ? WELL : failed(block, exit);
}

type Supervision = Pick<BlockCommand, 'timeoutMs' | 'signal' | 'forceAtOnce' | 'onOutput'>;
type Start = (context: PipelineContext, command: string[], supervision: Supervision) => Promise<BlockEnd>;

const startPlain: Start = ({ job, tree }, command, supervision) => {
  const view = unsandboxedView(tree);
  // The ids of an attempt can be another engine's too, given the same submission; the place of its tree cannot.
  const sweep = (): Promise<void> => killMarked(`WAYBILL_WORKSPACE=${view.workspace}`);
  return runBlock({ argv: command, cwd: tree.workspace, env: blockEnvironment(job, view), sweep, ...supervision });
};

const startSandboxed: Start = ({ job, tree }, command, supervision) => {
  const { argv, options } = sandboxCommand(tree, blockEnvironment(job, SANDBOX_VIEW), command);
  // What the spec sets is for the block: bubblewrap itself runs outside and must not load a library of its choice.
  const env = { PATH: process.env.PATH ?? SANDBOX_VIEW.path };
  return runBlock({ argv, cwd: tree.workspace, env, sandboxOptions: options, ...supervision });
};

const startInContainer: Start = async ({ job, tree, runner, stop, log }, command, supervision) => {
  if (runner === null) throw new AttemptEnded('failed', 'runner_unreachable', 'was never there', 'runner');
  const view = containerView(tree);
  const env = blockEnvironment(job, view);
  try {
    return await runner.run({ argv: command, cwd: view.workspace, env, ...supervision });
  } catch (error) {
    // Whatever became of the runner while it was to stop, why it was to stop is what ended the attempt.
    if (stop.reason() === null) throw error;
    log.note(endingOf(error).note);
    return { exit: null, timedOut: false };
  }
};

const START: Record<Job['isolation'], Start> = {
  bubblewrap: startSandboxed,
  container: startInContainer,
  none: startPlain,
  // No lease of a worker says so; see lease-check.ts.
  'in-process': startPlain,
};

function failed(block: Block, exit: number): Verdict {
  const told = block.block === 'agent' ? AGENT_EXITS[exit] : undefined;
  if (told !== undefined) return told;
  if (exit === KILLED_EXIT) return { outcome: 'failed', reason: 'out_of_memory', exit };
  const lens = block.block === 'script' ? block.lens : undefined;
  const reason = lens === 'gate' ? 'gate_red' : lens === 'verify' ? 'verify_failed' : 'exit_nonzero';
  return { outcome: 'failed', reason, exit };
}

function commandOf(block: Exclude<Block, { block: 'capture' }>): string[] {
  if (block.block === 'agent') return block.command;
  return typeof block.run === 'string' ? ['/bin/sh', '-c', block.run] : block.run;
}

/** Everything a block's environment holds. What the spec sets comes last, but cannot move the platform's own names. */
function blockEnvironment(job: Job, view: BlockView): Record<string, string> {
  return {
    ...(view.path === null ? {} : { PATH: view.path }),
    HOME: view.home,
    LANG: 'C.UTF-8',
    TMPDIR: view.temporary,
    ...job.env,
    WAYBILL_WORKSPACE: view.workspace,
    WAYBILL_INPUTS: view.inputs,
    WAYBILL_OUTPUTS: view.outputs,
    WAYBILL_RUN: job.run,
    WAYBILL_ITEM: job.item,
    WAYBILL_ATTEMPT: String(job.attempt),
  };
}

function labelOf(block: Block): string {
  if (block.block === 'capture') return `capture ${block.what}`;
  if (block.block === 'agent') return `agent ${block.adapter}`;
  return block.lens === undefined ? 'script' : `script (${block.lens})`;
}

function now(): string {
  return new Date().toISOString();
}
