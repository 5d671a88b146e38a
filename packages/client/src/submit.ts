import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalize, type Digest } from '@waybill/verify';
import { submitObject, type WaitOptions } from './await-receipt.ts';
import { compile, queueOf } from './compile-plan.ts';
import type { Receipt } from './documents.ts';
import { type Refusal, TerminalError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { checkSubmissionId, refuseRunId } from './object-names.ts';
import { type PackedRead, packRead, type WrittenRead } from './pack-reads.ts';
import { type PackPlace, packSource } from './pack-source.ts';
import type { Plan } from './plan.ts';
import { readSpec } from './read-spec.ts';
import { resolvePins } from './resolve-pins.ts';
import type { ScheduleSpec } from './schedule.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { bounded, formatPath } from './spec-issue.ts';
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
  transport: Pick<Transport, 'putUpload' | 'registry'>,
  specBytes: Uint8Array,
  options: Pick<SubmitOptions, 'baseDir' | 'workDir'>,
): Promise<PreparedRun> {
  const { registry } = transport;
  // Judged before the source is packed, so that a mistake in the spec costs no time.
  const written = await readSpec(specBytes, options.baseDir, registry && (async () => registry));
  const { run, submodules } = await withPackedSource(transport, written.run, options).catch((error: unknown) => {
    // What a group of a flow reads, each of its items does.
    throw error instanceof SpecRefused ? new SpecRefused(bounded(error.refusals.map(written.ledBack))) : error;
  });
  const compiled = compile(run);
  if (!compiled.ok) throw new SpecRefused(compiled.refusals.map(written.ledBack));
  await uploadPackFiles(transport, written.packFiles, options);
  return { run, plan: compiled.plan, bytes: submissionBytes(run), queue: queueOf(run), submodules };
}

type Places = Pick<SubmitOptions, 'baseDir' | 'workDir'>;

/** The run with its source, what its items read, and their capabilities packed and uploaded, where it names something that is not. */
export async function withPackedSource(
  transport: Pick<Transport, 'putUpload' | 'registry'>,
  written: RunSpec,
  options: Places,
): Promise<{ run: RunSpec; submodules: string[] }> {
  const run = { ...written, spec: await resolvePins(transport, written.spec) };
  const { source, items } = run.spec;
  const isUnpacked = (item: ItemSpec): boolean => Object.values(item.reads ?? {}).some((read) => !('sha256' in read));
  if ((source === undefined || !('git' in source)) && !items.some(isUnpacked)) return { run, submodules: [] };
  const workDir = await mkdtemp(join(options.workDir ?? tmpdir(), 'waybill-source-'));
  try {
    const place = { baseDir: options.baseDir, workDir };
    const packed = await packTree(transport, source, place);
    const spec = { ...run.spec, ...packed.spec, items: await withPackedReads(transport, items, place) };
    return { run: { ...run, spec }, submodules: packed.submodules };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** What items are given of packs, as it was hashed. */
export async function uploadPackFiles(
  transport: Pick<Transport, 'putUpload'>,
  files: ReadonlyMap<Digest, Uint8Array>,
  options: Places,
): Promise<void> {
  if (files.size === 0) return;
  const workDir = await mkdtemp(join(options.workDir ?? tmpdir(), 'waybill-pack-'));
  try {
    for (const [digest, bytes] of files) {
      const path = join(workDir, digest.slice('sha256:'.length));
      await writeFile(path, bytes);
      await transport.putUpload(digest, path);
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function packTree(
  transport: Pick<Transport, 'putUpload'>,
  source: RunSpec['spec']['source'],
  place: PackPlace,
): Promise<{ spec: Pick<RunSpec['spec'], 'source'>; submodules: string[] }> {
  if (source === undefined || !('git' in source)) return { spec: {}, submodules: [] };
  const { url, ref } = source.git;
  const { bundle, commit, sizeBytes, submodules, path } = await packSource(
    { url, ...(ref === undefined ? {} : { ref }) },
    place,
  );
  await transport.putUpload(bundle, path);
  return { spec: { source: { bundle, commit, sizeBytes } }, submodules };
}

/** What several items read is packed once. Throws SpecRefused with all that cannot be, before anything of it is uploaded. */
async function withPackedReads(
  transport: Pick<Transport, 'putUpload'>,
  items: readonly ItemSpec[],
  place: PackPlace,
): Promise<ItemSpec[]> {
  const known = new Map<string, PackedRead>();
  const refusals: Refusal[] = [];
  for (const [n, { reads = {} }] of items.entries()) {
    for (const [key, read] of Object.entries(reads)) {
      const name = JSON.stringify(read);
      if ('sha256' in read || known.has(name)) continue;
      const at = formatPath(['spec', 'items', n, 'reads', key]);
      const packed = await packRead(read, at, place).catch((error: unknown) => {
        if (!(error instanceof TerminalError)) throw error;
        const { code, path, problem, fix } = error;
        refusals.push({ code, path, problem, fix });
      });
      if (packed) known.set(name, packed);
    }
  }
  if (refusals.length > 0) throw new SpecRefused(bounded(refusals));
  for (const { sha256, file } of known.values()) await transport.putUpload(sha256, file);
  const pinned = (read: WrittenRead): WrittenRead => {
    const { sha256, sizeBytes } = known.get(JSON.stringify(read)) ?? {};
    return sha256 === undefined || sizeBytes === undefined ? read : { sha256, sizeBytes };
  };
  return items.map((item) => {
    if (item.reads === undefined) return item;
    return { ...item, reads: Object.fromEntries(Object.entries(item.reads).map(([key, read]) => [key, pinned(read)])) };
  });
}

/** Throws SpecRefused for a document that no inbox would read. */
export function submissionBytes(document: RunSpec | ScheduleSpec): Uint8Array {
  const bytes = new TextEncoder().encode(canonicalize(document, { numbers: 'any' }));
  if (bytes.length <= LIMITS.specBytes) return bytes;
  const problem = `as JSON the spec has ${bytes.length} bytes, more than ${LIMITS.specBytes}`;
  const fix = 'Split the run, or move scripts into the source.';
  throw new SpecRefused([{ code: 'SPEC_TOO_LARGE', path: 'document', problem, fix }]);
}
