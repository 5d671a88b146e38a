/** A mailbox, a signer and the real worker bundle: one attempt at a time, without an engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Block } from '@waybill/client/plan';
import {
  canonicalize,
  DISPATCH_PREDICATE,
  type DispatchPredicate,
  type DispatchStatement,
  digestOf,
  formatEnvelope,
  IN_TOTO_PAYLOAD_TYPE,
  pae,
  STATEMENT_TYPE,
} from '@waybill/verify';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalLauncher } from '#adapters/local/launcher.ts';
import { createLocalMailbox, type LocalMailbox } from '#adapters/local/mailbox.ts';
import type { Isolation, Job, JobLimits, Result } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import { splitOutputs } from '#core/outputs-frame.ts';
import { parseResult } from '#core/result-document.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Launcher, StopNotice } from '#ports/launcher.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { type PackedSource, packSource } from '../../packages/client/src/pack-source.ts';
import { buildWorker } from '../../worker-image/build.ts';

const ORIGIN = 'waybill.test/worker';
const RUN = 'a'.repeat(32);
const LIMITS: JobLimits = { outputsBytes: 1e6, fileBytes: 5e5, files: 20, logBytes: 20_000, patchBytes: 5e5 };

export interface AttemptSpec {
  pipeline: Block[];
  isolation?: Isolation;
  env?: Record<string, string>;
  timeoutMs?: number;
  limits?: Partial<JobLimits>;
  inputs?: Record<string, string>;
  /** Served in the place of the bytes that were signed. */
  spoofedInputs?: Record<string, string>;
  source?: PackedSource;
  heartbeatMs?: number;
  /** Changes the lease after its manifest was signed: what an attacker with the storage could do. */
  tamper?(draft: LeaseDraft): void;
  /** Changes the manifest before it is signed. */
  predicate?: Partial<DispatchPredicate>;
}

export interface AttemptEnd {
  notice: StopNotice;
  /** Null when none was staged. */
  result: Result | null;
  log: string;
  outputs: Map<string, Buffer>;
}

export interface WorkerBed {
  launcher: Launcher;
  mailbox: LocalMailbox;
  artifacts: Artifacts;
  workerFile: string;
  /** A file of the host that a sandboxed block must not see. */
  directory: string;
  pack(repository: string): Promise<PackedSource>;
  post(spec: AttemptSpec): Promise<{ attemptId: string; leaseUrl: string; ended: Promise<StopNotice> }>;
  launch(attempt: { attemptId: string; leaseUrl: string }): Promise<string>;
  /** A worker whose stdin the caller holds, instead of the launcher; it is born with `inherited` as descriptor 9. */
  spawn(attempt: { attemptId: string; leaseUrl: string }, inherited?: number): ChildProcess;
  run(spec: AttemptSpec): Promise<AttemptEnd>;
  collect(attemptId: string, notice: StopNotice): Promise<AttemptEnd>;
  /** Directories of this bed's attempts; none may be left once their workers have ended. */
  leftovers(): string[];
  close(): Promise<void>;
}

/** `allowUnsandboxed` lets agent blocks run with isolation `none`. */
export async function openWorkerBed(options: { allowUnsandboxed?: boolean } = {}): Promise<WorkerBed> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-bed-'));
  const workerFile = join(directory, 'worker.mjs');
  const executable = await buildWorker(workerFile);
  const artifacts = createLocalArtifacts(join(directory, 'artifacts'));
  const spoofed = new Map<string, Readable>();
  const mailbox = createLocalMailbox({
    stagingDir: join(directory, 'staging'),
    artifacts: { ...artifacts, open: async (digest) => spoofed.get(digest) ?? (await artifacts.open(digest)) },
    chance: createLocalChance(),
    clock: createLocalClock(),
  });
  await mailbox.listen();
  const key = testKey();
  const launcher = createLocalLauncher({ workerFile, keys: [key.spki.toString('base64')], origin: ORIGIN, ...options });
  const waiting = new Map<string, (notice: StopNotice) => void>();
  launcher.onStopped((notice) => waiting.get(notice.attemptId)?.(notice));
  let serial = 0;

  const bed: WorkerBed = {
    launcher,
    mailbox,
    artifacts,
    workerFile,
    directory,

    async pack(repository) {
      const packed = await packSource({ url: repository }, { baseDir: directory, workDir: join(directory, 'packed') });
      await artifacts.put(createReadStream(packed.path));
      return packed;
    },

    async post(spec) {
      serial += 1;
      const attemptId = digestOf(`${directory} ${serial}`).slice(7, 39);
      const job = jobOf(attemptId, spec);
      const inputs: LeaseDraft['inputs'] = [];
      for (const [name, text] of Object.entries(spec.inputs ?? {}))
        inputs.push({ key: name, ...(await artifacts.put(Buffer.from(text))) });
      for (const input of inputs) {
        const instead = spec.spoofedInputs?.[input.key];
        if (instead !== undefined) spoofed.set(input.sha256, Readable.from([Buffer.from(instead)]));
      }
      const statement = statementOf(job, inputs, spec, executable);
      const { source } = spec;
      const draft: LeaseDraft = {
        v: 1,
        attemptId,
        manifest: signed(statement, key),
        job,
        inputs,
        ...(source ? { source: { sha256: source.bundle, sizeBytes: source.sizeBytes, commit: source.commit } } : {}),
        heartbeatMs: spec.heartbeatMs ?? 50,
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
        cancel: false,
      };
      spec.tamper?.(draft);
      const leaseUrl = await mailbox.post(draft);
      const ended = new Promise<StopNotice>((resolve) => waiting.set(attemptId, resolve));
      return { attemptId, leaseUrl, ended };
    },

    launch: ({ attemptId, leaseUrl }) => launcher.launch({ attemptId, leaseUrl, isolation: 'none' }),

    spawn({ attemptId, leaseUrl }, inherited) {
      const env = {
        PATH: process.env.PATH,
        [WORKER_ENV.leaseUrl]: leaseUrl,
        [WORKER_ENV.attemptId]: attemptId,
        [WORKER_ENV.keys]: Buffer.from(JSON.stringify([key.spki.toString('base64')])).toString('base64'),
        [WORKER_ENV.origin]: ORIGIN,
      };
      const more = inherited === undefined ? [] : [...Array(6).fill('ignore'), inherited];
      return spawn(process.execPath, [workerFile], { env, stdio: ['pipe', 'ignore', 'ignore', ...more] });
    },

    async run(spec) {
      const attempt = await bed.post(spec);
      await bed.launch(attempt);
      return bed.collect(attempt.attemptId, await attempt.ended);
    },

    async collect(attemptId, notice) {
      const { result } = await mailbox.staged(attemptId);
      const parsed = result === null ? null : parseResult(result);
      const outputs = new Map<string, Buffer>();
      if (parsed?.outputs)
        for await (const part of splitOutputs(await mailbox.openOutputs(attemptId), LIMITS))
          outputs.set(part.name, await readAll(part.bytes));
      const log = await mailbox.openLog(attemptId);
      return { notice, result: parsed, outputs, log: log === null ? '' : (await readAll(log)).toString() };
    },

    leftovers: () =>
      readdirSync(tmpdir()).filter((name) => [...waiting.keys()].some((id) => name.startsWith(`waybill-${id}-`))),

    async close() {
      await mailbox.shutdown();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return bed;
}

export async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes));
}

function jobOf(attemptId: string, spec: AttemptSpec): Job {
  return {
    v: 1,
    attemptId,
    run: RUN,
    item: 'item',
    attempt: 1,
    pipeline: spec.pipeline,
    env: spec.env ?? {},
    timeoutMs: spec.timeoutMs ?? 20_000,
    limits: { ...LIMITS, ...spec.limits },
    isolation: spec.isolation ?? 'none',
  };
}

function statementOf(
  job: Job,
  inputs: LeaseDraft['inputs'],
  { source, predicate }: AttemptSpec,
  executable: string,
): DispatchStatement {
  const spec = digestOf('the item');
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: `attempt/${job.attemptId}`, digest: { sha256: spec.slice(7) } }],
    predicateType: DISPATCH_PREDICATE,
    predicate: {
      origin: ORIGIN,
      run: job.run,
      item: job.item,
      attempt: job.attempt,
      attemptId: job.attemptId,
      epoch: 7,
      nonce: 'b'.repeat(32),
      issuedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
      plan: digestOf('the plan'),
      spec,
      job: digestOf(canonicalize(job)),
      source: source
        ? { kind: 'git', bundle: source.bundle, commit: source.commit, sizeBytes: source.sizeBytes }
        : { kind: 'none' },
      inputs: inputs.map((input) => ({ ...input, from: { item: 'before', attempt: 1, output: 'patch' } })),
      locks: [],
      isolation: job.isolation,
      executable: executable as DispatchPredicate['executable'],
      timeoutMs: job.timeoutMs,
      ...predicate,
    },
  };
}

interface TestKey {
  spki: Buffer;
  pkcs8: Buffer;
}

export function testKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    pkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
}

export function signed(statement: unknown, key: TestKey): LeaseDraft['manifest'] {
  const payload = Buffer.from(canonicalize(statement));
  const privateKey = createPrivateKey({ key: key.pkcs8, format: 'der', type: 'pkcs8' });
  const keyid = createHash('sha256').update(key.spki).digest('hex');
  return formatEnvelope(payload, keyid, sign('sha256', pae(IN_TOTO_PAYLOAD_TYPE, payload), privateKey));
}
