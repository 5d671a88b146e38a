/** Verbs that change the course of a run. Kept apart from the index, so that what may not use them cannot reach them. */
import { randomUUID } from 'node:crypto';
import { canonicalize } from '@waybill/verify';
import { submitObject, type WaitOptions } from './await-receipt.ts';
import { compile } from './compile-plan.ts';
import type { Receipt } from './documents.ts';
import { TerminalError } from './errors.ts';
import { checkSubmissionId } from './object-names.ts';
import { readExtension } from './read-extension.ts';
import { readSchedule } from './read-spec.ts';
import { placedInSchedule, runOf } from './schedule.ts';
import { API_VERSION, type ControlSpec, type RunSpec, type ScheduleVerb } from './spec.ts';
import { SpecRefused } from './spec-refused.ts';
import { type SubmitOptions, submissionBytes, uploadPackFiles, withPackedSource } from './submit.ts';
import { CONTROL_QUEUE, type Transport } from './transport.ts';

export interface ControlOptions extends WaitOptions {
  submissionId?: string;
}

/** Asks for a verb and waits for the receipt; `accepted` means recorded, its effects show in the status. */
export async function submitControl(
  transport: Transport,
  control: ControlSpec['spec'],
  options: ControlOptions = {},
): Promise<Receipt> {
  const object: ControlSpec = { apiVersion: API_VERSION, kind: 'Control', spec: control };
  // Items that are added may say any number that those of a run may.
  const bytes = new TextEncoder().encode(canonicalize(object, { numbers: 'any' }));
  const submissionId = checkSubmissionId(options.submissionId ?? randomUUID());
  return submitObject(transport, CONTROL_QUEUE, submissionId, bytes, options);
}

/** Cancels a run, or one item of it. Cancelling what has ended changes nothing, and the receipt says so. */
export function cancelRun(
  transport: Transport,
  target: { run: string; item?: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'cancel', ...target }, options);
}

/** From now on nothing more of the run is started; what runs goes on. A paused run is left as it is. */
export function pauseRun(transport: Transport, run: string, options: ControlOptions = {}): Promise<Receipt> {
  return submitControl(transport, { verb: 'pause', run }, options);
}

/** What waited for the end of a pause lines up again, behind what is ready by then. */
export function resumeRun(transport: Transport, run: string, options: ControlOptions = {}): Promise<Receipt> {
  return submitControl(transport, { verb: 'resume', run }, options);
}

/** Passes over an item that has not started, and what depends on it; that makes no run a cancelled one. */
export function skipItem(
  transport: Transport,
  target: { run: string; item: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'skip', ...target }, options);
}

/**
 * Tries an item again that failed, with all its retries, and what was skipped because of it; one that waits for its next
 * attempt gets it at once.
 */
export function retryItem(
  transport: Transport,
  target: { run: string; item: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'retry', ...target }, options);
}

/**
 * Sends an item to the end of its queue: one that runs is stopped first, which spends none of its retries. A result that is
 * there before its worker ended still counts.
 */
export function requeueItem(
  transport: Transport,
  target: { run: string; item: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'requeue', ...target }, options);
}

/**
 * Answers what an item asks; its next attempt is given question and answer as inputs. With `question`, the digest that its
 * status names, the answer to another question is refused.
 */
export function answerItem(
  transport: Transport,
  target: { run: string; item: string; text: string; question?: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'answer', ...target }, options);
}

/**
 * Adds items to a run that is open-ended, from a document of kind `Extension` in YAML or JSON, with packs and files below
 * `baseDir`. Asked twice under one submission id,
 * they are added once. Throws SpecRefused for what the document alone shows; the receipt has the other reasons.
 */
export async function extendRun(
  transport: Transport,
  { run, written, baseDir }: { run: string; written: Uint8Array; baseDir: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  const { registry } = transport;
  const { addition, packFiles, ledBack } = await readExtension(written, baseDir, registry && (async () => registry));
  const asRun: RunSpec = { apiVersion: API_VERSION, kind: 'Run', metadata: { name: 'extension' }, spec: addition };
  const packed = await withPackedSource(transport, asRun, { baseDir }).catch((error: unknown) => {
    throw error instanceof SpecRefused ? new SpecRefused(error.refusals.map(ledBack)) : error;
  });
  await uploadPackFiles(transport, packFiles, { baseDir });
  return submitControl(transport, { verb: 'extend', run, ...packed.run.spec }, options);
}

/** Nothing more is added to the run from now on: it ends when what is there has. */
export function closeRun(transport: Transport, run: string, options: ControlOptions = {}): Promise<Receipt> {
  return submitControl(transport, { verb: 'close', run }, options);
}

/**
 * The verdict of a reviewer on a gate that waits; each has one, and it stands. With `reviewed`, the digest of what was looked at, it is
 * refused where the gate is about something else; an approval is also refused without it, where the gate is about anything.
 */
export function approveItem(
  transport: Transport,
  target: { run: string; item: string; reviewed?: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'approve', ...target }, options);
}

/** As `approveItem`: the gate is denied once too few reviewers are left to approve it. */
export function rejectItem(
  transport: Transport,
  target: { run: string; item: string; reviewed?: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'reject', ...target }, options);
}

/** Ends a run that cannot or shall not be sealed; the log says so, with the reason. A sealed run is left alone. */
export function abortRun(
  transport: Transport,
  target: { run: string; reason: string },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'abort', ...target }, options);
}

/**
 * Puts a schedule into force, as YAML or JSON, in place of one of the same name. Its source is packed now: every slot runs the
 * commit that the ref names at this moment. Throws SpecRefused, and what `packSource` throws.
 */
export async function addSchedule(
  transport: Transport,
  written: Uint8Array,
  options: SubmitOptions,
): Promise<Receipt & { name: string }> {
  // Judged before the source is packed, so that a mistake costs no time.
  const { schedule, packFiles } = await readSchedule(written, options.baseDir, async () => transport.registry);
  const { run } = await withPackedSource(transport, runOf(schedule), options).catch((error: unknown) => {
    if (error instanceof SpecRefused) throw new SpecRefused(error.refusals.map(placedInSchedule));
    if (!(error instanceof TerminalError)) throw error;
    const { code, path, problem, fix } = error;
    throw new SpecRefused([placedInSchedule({ code, path, problem, fix })]);
  });
  const compiled = compile(run);
  if (!compiled.ok) throw new SpecRefused(compiled.refusals.map(placedInSchedule));
  await uploadPackFiles(transport, packFiles, options);
  const bytes = submissionBytes({ ...schedule, spec: { ...schedule.spec, run: run.spec } });
  const submissionId = checkSubmissionId(options.submissionId ?? randomUUID());
  const receipt = await submitObject(transport, CONTROL_QUEUE, submissionId, bytes, options);
  return { ...receipt, name: schedule.metadata.name };
}

/** Pauses a schedule, resumes it, takes it away; or has it run now, then the receipt names the run. */
export function steerSchedule(
  transport: Transport,
  target: { schedule: string; do: ScheduleVerb['do'] },
  options: ControlOptions = {},
): Promise<Receipt> {
  return submitControl(transport, { verb: 'schedule', ...target }, options);
}
