/** Runs the blocks of a job one after the other and says how that ended. The first block that fails is the last. */
import { dirname, join } from 'node:path';
import type { Block, PromptedBlock } from '@waybill/client/plan';
import { CHECKPOINT_OUTCOMES, type ClaimedEgress, type ClaimedUsage } from '@waybill/verify';
import type { BlockEvidence, ClaimedOutcome, Isolation, Job, SetupEvidence } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME } from '#core/output-name.ts';
import { AGENT_FLAG } from './agent/program.ts';
import { agentEndingOf } from './agent-endings.ts';
import { AttemptEnded, breach, endingOf } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { type Baseline, emptyBaseline } from './baseline.ts';
import { type DoorSurroundings, withDoors } from './block-doors.ts';
import { guardBlock } from './block-guard.ts';
import { type BlockCommand, type BlockEnd, runBlock } from './block-process.ts';
import { takeUsage, USAGE_FILE } from './block-usage.ts';
import { CAPABILITY_FILES, type SetupScript } from './capabilities.ts';
import { captureOutputs } from './capture-outputs.ts';
import { capturePatch } from './capture-patch.ts';
import type { CapturedFile } from './captured-file.ts';
import { captureCheckpoint } from './checkpoint.ts';
import { EGRESS_FLAG } from './egress/inside.ts';
import { type GivenSecrets, secretsFor, withSecretFiles } from './given-secrets.ts';
import { killMarked } from './left-processes.ts';
import type { DoorUsage } from './model/door.ts';
import type { OpenOutputPipes } from './output-pipes.ts';
import { ASKING_EXIT, readQuestion } from './question.ts';
import type { Redactor } from './redactor.ts';
import { watchResources } from './resource-watch.ts';
import type { RunnerSession } from './runner-session.ts';
import {
  type BlockView,
  containerView,
  SANDBOX_VIEW,
  SANDBOXED_PROGRAM,
  sandboxCommand,
  sandboxerEnvironment,
  unsandboxedView,
} from './sandbox.ts';
import { runSetups } from './setup.ts';
import type { StopReason, StopRequest } from './stop-request.ts';

export interface PipelineContext extends DoorSurroundings {
  /** Of its capabilities. */
  setups: readonly SetupScript[];
  /** Null without a source: the empty tree. */
  baseline: Baseline | null;
  stop: StopRequest;
  /** Agent blocks may run without a sandbox. */
  allowUnsandboxed: boolean;
  /** Of the container in which blocks run; null where this worker starts them itself. */
  runner: RunnerSession | null;
  /** Of all blocks, by name; each block is given what it names. */
  secrets: ReadonlyMap<string, string>;
  redactor: Redactor;
  /** For what sandboxed blocks say. */
  outputPipes: OpenOutputPipes;
  /** Directory of those that sandboxed blocks have; null where they have the host's. */
  deviceNodes: string | null;
  onBlock(progress: { block: number; of: number; label: string }): void;
}

export interface PipelineEnd {
  outcome: ClaimedOutcome;
  reason: string;
  /** Of the block that decided; 0 when all went well. */
  exit: number | null;
  /** What it asks of people; with `needs_input` alone. */
  question?: string;
  blocks: BlockEvidence[];
  /** Setup scripts that have run; absent where there are none. */
  setup?: SetupEvidence[];
  patch: CapturedFile | null;
  outputs: CapturedFile[];
  /** What a later attempt of the item goes on from. */
  checkpoint: CapturedFile | null;
  excluded: string[];
  usage: ClaimedUsage[];
  /** The first that could not be read of what blocks left there, and why. */
  usageProblem?: string;
  egress?: ClaimedEgress;
  /** What the block that ended last was answered by its model; null where there was no door to one. */
  passed?: DoorUsage | null;
}

type Verdict = Pick<PipelineEnd, 'outcome' | 'reason' | 'exit'>;

const WELL: Verdict = { outcome: 'succeeded', reason: 'ok', exit: 0 };
/** 128 + SIGKILL: with no limit seen to be hit the kernel sent it, for want of memory, or the block itself, which looks the same. */
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

/** Of an attempt in which no block has ended. */
export const NOTHING_LEFT: Omit<PipelineEnd, keyof Verdict> = {
  blocks: [],
  patch: null,
  outputs: [],
  checkpoint: null,
  excluded: [],
  usage: [],
};

/** Never throws for what a block does. */
export async function runPipeline(context: PipelineContext): Promise<PipelineEnd> {
  const end: PipelineEnd = { ...WELL, ...NOTHING_LEFT, blocks: [] };
  const blocks = context.job.pipeline;
  const root = VIEW[context.job.isolation](context.tree).capabilities;
  const start = (argv: string[]): Promise<Verdict> => judge(context, { block: 'script', run: argv }, 0, end);
  const { failed: unready, ...begun } = await runSetups(context, root, start);
  Object.assign(end, begun, unready);
  for (const [index, block] of unready === undefined ? blocks.entries() : []) {
    const label = labelOf(block);
    context.onBlock({ block: index + 1, of: blocks.length, label });
    context.log.note(`block ${index + 1} of ${blocks.length}: ${label}`);
    const startedAt = now();
    const verdict = await judge(context, block, index, end);
    end.blocks.push({
      index,
      block: block.block,
      ...(block.block === 'script' && block.lens !== undefined ? { lens: block.lens } : {}),
      exit: verdict.exit,
      startedAt,
      endedAt: now(),
    });
    Object.assign(end, verdict);
    if (block.block !== 'capture') await noteUsage(context, end, index);
    if (end.outcome !== 'succeeded') break;
  }
  // What was captured before a block that then failed, a script that judges it or another capture, is handed on to nobody.
  if (end.outcome !== 'succeeded') Object.assign(end, { patch: null, outputs: [] });
  if (CHECKPOINT_OUTCOMES.has(end.outcome)) await keep(context, end);
  const egress = context.egress.claimed();
  return { ...end, ...(egress === undefined ? {} : { egress }) };
}

/** What cannot be kept whole is not kept at all, and says so: whoever went on from a part of it would not know. */
async function keep({ tree, job, log, redactor }: PipelineContext, end: PipelineEnd): Promise<void> {
  try {
    end.checkpoint = await captureCheckpoint(tree, job.limits, redactor);
    requireRoom(end, job.limits.outputsBytes, 'checkpoint_too_large');
  } catch (error) {
    const { outcome, reason, note } = endingOf(error);
    log.note(note);
    delete end.question;
    Object.assign(end, { outcome, reason, checkpoint: null });
  }
}

async function noteUsage({ tree, log, redactor }: PipelineContext, end: PipelineEnd, index: number): Promise<void> {
  const { usage, problem } = await takeUsage(tree, index, end.usage, redactor, end.passed ?? null);
  end.usage = usage;
  end.passed = null;
  if (problem === undefined) return;
  log.note(`nobody knows all that block ${index + 1} has used of models: ${problem}`);
  end.usageProblem ??= `block ${index + 1}: ${problem}`;
}

async function judge(context: PipelineContext, block: Block, index: number, end: PipelineEnd): Promise<Verdict> {
  try {
    const stopped = context.stop.reason();
    if (stopped !== null) return STOPPED[stopped];
    return block.block === 'capture' ? await capture(context, block.what, end) : await run(context, block, index, end);
  } catch (error) {
    const { outcome, reason, note } = endingOf(error);
    context.log.note(note);
    return { outcome, reason, exit: null };
  }
}

async function capture(context: PipelineContext, what: 'patch' | 'outputs', end: PipelineEnd): Promise<Verdict> {
  const { tree, job } = context;
  if (what === 'outputs') {
    end.outputs = await captureOutputs(tree, job.limits, context.redactor);
  } else {
    const baseline = context.baseline ?? (await emptyBaseline(tree));
    const { file, excluded } = await capturePatch(tree, baseline, job.limits, context.redactor);
    end.patch = file;
    end.excluded = excluded;
    for (const path of excluded) context.log.note(`left out of the patch: ${JSON.stringify(path)}`);
  }
  requireRoom(end, job.limits.outputsBytes, 'output_too_large');
  return WELL;
}

function requireRoom(end: PipelineEnd, mostBytes: number, reason: 'checkpoint_too_large' | 'output_too_large'): void {
  const sizeBytes = [end.patch, end.checkpoint, ...end.outputs].reduce((sum, file) => sum + (file?.sizeBytes ?? 0), 0);
  if (sizeBytes <= mostBytes) return;
  end.patch = null;
  end.outputs = [];
  throw breach(reason, `are with the patch larger than ${mostBytes} bytes`, 'outputs');
}

async function run(
  context: PipelineContext,
  block: Exclude<Block, { block: 'capture' }>,
  index: number,
  end: PipelineEnd,
): Promise<Verdict> {
  const { job, log, stop } = context;
  const isTrusted = block.block === 'script' && block.secrets === undefined;
  if (!isTrusted && job.isolation === 'none' && !context.allowUnsandboxed) {
    const which = block.block === 'agent' ? 'agent' : 'secrets';
    throw new AttemptEnded('policy_blocked', 'sandbox_required', 'does not run without a sandbox', which);
  }
  const needing = (['resources', 'egress'] as const).find((key) => job[key] !== undefined);
  if (needing !== undefined && job.isolation !== 'bubblewrap') {
    throw new AttemptEnded('policy_blocked', 'sandbox_required', 'is kept in a sandbox of the worker only', needing);
  }
  const command = commandOf(block, index, job.isolation);
  const led = job.egress === undefined ? command : [...SANDBOXED_PROGRAM, EGRESS_FLAG, ...command];
  const guard = guardBlock(block.guards ?? {}, {
    signal: stop.signal,
    onOutput: (bytes, source) => log.write(bytes, source),
  });
  const supervision: Supervision = {
    ...(block.timeoutMs === undefined ? {} : { timeoutMs: block.timeoutMs }),
    signal: guard.signal,
    forceAtOnce: () => stop.reason() === 'engine_gone',
    onOutput: guard.onOutput,
  };
  const { env: given, files } = secretsFor(block, context.secrets);
  const start = (env: Record<string, string>): Promise<BlockEnd> =>
    START[job.isolation](context, led, { env: { ...given, ...env }, files }, supervision);
  let limit: ReturnType<typeof guard.end> = null;
  const { exit, timedOut } = await withDoors(context, block, index, start, (passed) => {
    end.passed = passed;
  }).finally(() => {
    limit = guard.end();
    log.flush();
  });
  const stopped = stop.reason();
  if (stopped !== null) return { ...STOPPED[stopped], exit };
  if (limit !== null) return { outcome: 'deferred', reason: limit, exit };
  if (timedOut) return { outcome: 'timed_out', reason: 'timeout', exit };
  const unstarted = job.isolation === 'bubblewrap' ? 'sandbox_failed' : 'start_failed';
  if (exit === null) return { outcome: 'failed', reason: unstarted, exit };
  if (exit === ASKING_EXIT && (await asks(context, end))) return { outcome: 'deferred', reason: 'needs_input', exit };
  return exit === 0 ? WELL : failed(block, exit);
}

async function asks({ tree }: PipelineContext, end: PipelineEnd): Promise<boolean> {
  const question = await readQuestion(tree);
  if (question !== null) end.question = question;
  return question !== null;
}

type Supervision = Pick<BlockCommand, 'timeoutMs' | 'signal' | 'forceAtOnce' | 'onOutput'>;
type Start = (
  context: PipelineContext,
  command: string[],
  given: GivenSecrets,
  supervision: Supervision,
) => Promise<BlockEnd>;

const startPlain: Start = ({ job, tree }, command, given, supervision) => {
  const view = unsandboxedView(tree);
  // The ids of an attempt can be another engine's too, given the same submission; the place of its tree cannot.
  const sweep = (): Promise<void> => killMarked(`WAYBILL_WORKSPACE=${view.workspace}`);
  return withSecretFiles(tree, given.files, (paths) => {
    const env = { ...blockEnvironment(job, view), ...given.env, ...paths };
    return runBlock({ argv: command, cwd: tree.workspace, env, sweep, ...supervision });
  });
};

const startSandboxed: Start = async (context, command, given, supervision) => {
  const { job, tree, stop, deviceNodes, outputPipes: outputs } = context;
  const { resources } = job;
  const env = { ...blockEnvironment(job, SANDBOX_VIEW), ...given.env };
  const { argv, feed } = sandboxCommand(tree, env, command, { resources, files: given.files, deviceNodes });
  const watch = resources === undefined ? null : watchResources(resources, tree);
  const sandbox = watch === null ? feed : { ...feed, onInside: watch.inside };
  const within = { argv, cwd: tree.workspace, env: sandboxerEnvironment(), sandbox, outputs };
  const end = await runBlock({ ...within, ...supervision });
  const breached = (await watch?.end()) ?? null;
  if (breached !== null && stop.reason() === null && !end.timedOut) throw breached;
  return end;
};

const startInContainer: Start = async ({ job, tree, runner, stop, log }, command, given, supervision) => {
  if (runner === null) throw new AttemptEnded('failed', 'runner_unreachable', 'was never there', 'runner');
  const view = containerView(tree);
  try {
    return await withSecretFiles(tree, given.files, (paths) => {
      const env = { ...blockEnvironment(job, view), ...given.env, ...paths };
      return runner.run({ argv: withTools(job, command), cwd: view.workspace, env, ...supervision });
    });
  } catch (error) {
    // Whatever became of the runner while it was to stop, why it was to stop is what ended the attempt.
    if (stop.reason() === null) throw error;
    log.note(endingOf(error).note);
    return { exit: null, timedOut: false };
  }
};

const VIEW: Record<Isolation, (tree: AttemptTree) => BlockView> = {
  bubblewrap: () => SANDBOX_VIEW,
  container: containerView,
  none: unsandboxedView,
  'in-process': unsandboxedView,
};

const START: Record<Job['isolation'], Start> = {
  bubblewrap: startSandboxed,
  container: startInContainer,
  none: startPlain,
  // No lease of a worker says so; see lease-check.ts.
  'in-process': startPlain,
};

/** What runs the adapters of agents with a prompt: this very bundle, or the runner's, wherever blocks find it. */
const ADAPTER_PROGRAM: Record<Isolation, string[]> = {
  bubblewrap: SANDBOXED_PROGRAM,
  container: [process.execPath, join(dirname(process.execPath), 'runner.mjs')],
  none: [process.execPath, import.meta.filename],
  'in-process': [process.execPath, import.meta.filename],
};

function failed(block: Block, exit: number): Verdict {
  const told = block.block === 'agent' ? AGENT_EXITS[exit] : undefined;
  if (told !== undefined) return told;
  const ended = isPrompted(block) ? agentEndingOf(exit) : undefined;
  if (ended !== undefined) return { ...ended, exit };
  if (exit === KILLED_EXIT) return { outcome: 'failed', reason: 'killed', exit };
  const lens = block.block === 'script' ? block.lens : undefined;
  const reason = lens === 'gate' ? 'gate_red' : lens === 'verify' ? 'verify_failed' : 'exit_nonzero';
  return { outcome: 'failed', reason, exit };
}

function isPrompted(block: Block): block is PromptedBlock {
  return block.block === 'agent' && block.adapter !== 'command';
}

function commandOf(block: Exclude<Block, { block: 'capture' }>, index: number, isolation: Isolation): string[] {
  if (isPrompted(block)) return [...ADAPTER_PROGRAM[isolation], AGENT_FLAG, String(index)];
  if (block.block === 'agent') return block.command;
  return typeof block.run === 'string' ? ['/bin/sh', '-c', block.run] : block.run;
}

/** The image alone knows its PATH. */
function withTools({ capabilities }: Job, command: string[]): string[] {
  if (capabilities === undefined) return command;
  return ['/bin/sh', '-c', `PATH="$WAYBILL_CAPABILITIES/bin:$PATH"; export PATH; exec "$@"`, 'sh', ...command];
}

/** Everything a block's environment holds. What the spec sets comes last, but cannot move the platform's own names. */
export function blockEnvironment(job: Job, view: BlockView): Record<string, string> {
  const files = join(view.capabilities, CAPABILITY_FILES);
  const path = view.path !== null && job.capabilities !== undefined ? `${files}/bin:${view.path}` : view.path;
  return {
    ...(path === null ? {} : { PATH: path }),
    HOME: view.home,
    LANG: 'C.UTF-8',
    TMPDIR: view.temporary,
    ...job.env,
    WAYBILL_WORKSPACE: view.workspace,
    WAYBILL_INPUTS: view.inputs,
    WAYBILL_OUTPUTS: view.outputs,
    WAYBILL_CHECKPOINT: join(view.home, CHECKPOINT_NAME),
    WAYBILL_USAGE: join(view.home, USAGE_FILE),
    ...(job.capabilities === undefined ? {} : { WAYBILL_CAPABILITIES: files }),
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
