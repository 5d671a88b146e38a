import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalize } from '@waybill/verify';
import { submitObject, type WaitOptions } from './await-receipt.ts';
import { compile, queueOf } from './compile-plan.ts';
import type { Receipt } from './documents.ts';
import { TerminalError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { checkSubmissionId, refuseRunId } from './object-names.ts';
import { packSource } from './pack-source.ts';
import type { Plan } from './plan.ts';
import { readSpec } from './read-spec.ts';
import type { ScheduleSpec } from './schedule.ts';
import type { RunSpec } from './spec.ts';
import { SpecRefused } from './spec-refused.ts';
import type { Transport } from './transport.ts';

export interface SubmitOptions extends WaitOptions {
  /** What relative paths of sources and included files are relative to: the directory of the spec. */
  baseDir: string;
  /** Random unless given. Submitting the same spec under the same id again is one run. */
  submissionId?: string;
  /** Where the source is packed; a directory under the system's temporary one unless given. */
  workDir?: string;
}

/** A spec that is ready to be written: source packed and uploaded, bytes canonical. */
export interface PreparedRun {
  run: RunSpec;
  plan: Plan;
  bytes: Uint8Array;
  queue: string;
  /** Paths of the source that are submodules; their content does not travel. */
  submodules: string[];
}

/**
 * Reads a run spec or a flow, packs, uploads, submits, and waits for the receipt, which may say no: that is an answer, not an error.
 * Throws SpecRefused for a spec that the engine would refuse, what `packSource` throws, TerminalError KEY_INVALID for an id that no run
 * may have, and RetryableError TIMED_OUT.
 */
export async function submitRun(transport: Transport, specBytes: Uint8Array, options: SubmitOptions): Promise<Receipt> {
  const submissionId = checkSubmissionId(options.submissionId ?? randomUUID());
  const reserved = refuseRunId(submissionId);
  if (reserved !== null) throw new TerminalError(reserved);
  const { queue, bytes } = await prepareRun(transport, specBytes, options);
  return submitObject(transport, queue, submissionId, bytes, options);
}

/** Everything of `submitRun` before the submission is written; nothing runs because of it. */
export async function prepareRun(
  transport: Pick<Transport, 'putUpload'>,
  specBytes: Uint8Array,
  options: Pick<SubmitOptions, 'baseDir' | 'workDir'>,
): Promise<PreparedRun> {
  // Judged before the source is packed, so that a mistake in the spec costs no time.
  const written = await readSpec(specBytes, options.baseDir);
  const { run, submodules } = await withPackedSource(transport, written.run, options);
  const compiled = compile(run);
  if (!compiled.ok) throw new SpecRefused(compiled.refusals);
  return { run, plan: compiled.plan, bytes: submissionBytes(run), queue: queueOf(run), submodules };
}

/** The run with its source packed and uploaded, where it names one that is not. */
export async function withPackedSource(
  transport: Pick<Transport, 'putUpload'>,
  run: RunSpec,
  options: Pick<SubmitOptions, 'baseDir' | 'workDir'>,
): Promise<{ run: RunSpec; submodules: string[] }> {
  const source = run.spec.source;
  if (source === undefined || !('git' in source)) return { run, submodules: [] };
  const workDir = await mkdtemp(join(options.workDir ?? tmpdir(), 'waybill-source-'));
  try {
    const { url, ref } = source.git;
    const packed = await packSource(
      { url, ...(ref === undefined ? {} : { ref }) },
      { baseDir: options.baseDir, workDir },
    );
    await transport.putUpload(packed.bundle, packed.path);
    const { bundle, commit, sizeBytes, submodules } = packed;
    return { run: { ...run, spec: { ...run.spec, source: { bundle, commit, sizeBytes } } }, submodules };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Throws SpecRefused for a document that no inbox would read. */
export function submissionBytes(document: RunSpec | ScheduleSpec): Uint8Array {
  const bytes = new TextEncoder().encode(canonicalize(document, { numbers: 'any' }));
  if (bytes.length <= LIMITS.specBytes) return bytes;
  const problem = `as JSON the spec has ${bytes.length} bytes, more than ${LIMITS.specBytes}`;
  const fix = 'Split the run, or move scripts into the source.';
  throw new SpecRefused([{ code: 'SPEC_TOO_LARGE', path: 'document', problem, fix }]);
}
