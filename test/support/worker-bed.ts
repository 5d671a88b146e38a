/** A mailbox, a launcher and the real worker bundle: one attempt at a time, without an engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PackedSource, packSource } from '@waybill/client';
import { type Digest, digestOf } from '@waybill/verify';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalLauncher } from '#adapters/local/launcher.ts';
import { createLocalMailbox, type LocalMailbox } from '#adapters/local/mailbox.ts';
import type { Isolation, Result } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import { splitOutputs } from '#core/outputs-frame.ts';
import { parseResult } from '#core/result-document.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Launcher, StopNotice } from '#ports/launcher.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';
import { buildWorker } from '../../worker-image/build.ts';
import { type AttemptSpec, LIMITS, leaseFor, ORIGIN, PRINCIPAL, type TestKey, testKey } from './signed-lease.ts';

export interface PostedAttempt {
  attemptId: string;
  leaseUrl: string;
  isolation: Isolation;
  ended: Promise<StopNotice>;
}

export interface AttemptEnd {
  notice: StopNotice;
  /** Null when none was staged. */
  result: Result | null;
  log: string;
  outputs: Map<string, Buffer>;
}

export interface LaunchedEnd extends AttemptEnd {
  /** Of its worker. */
  handle: string;
}

export interface WorkerBedOptions {
  /** Lets agent blocks run with isolation `none`. */
  allowUnsandboxed?: boolean;
  /** Path of models.json. */
  modelsFile?: string;
}

export async function openWorkerBed(options: WorkerBedOptions = {}): Promise<WorkerBed> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-bed-'));
  const bed = new WorkerBed(directory, await buildWorker(join(directory, 'worker.mjs')), options);
  await bed.mailbox.listen();
  return bed;
}

export class WorkerBed {
  readonly directory: string;
  readonly executable: Digest;
  readonly workerFile: string;
  /** Where workers make what is theirs, as in the state directory of an engine. */
  readonly workDir: string;
  readonly artifacts: Artifacts;
  readonly mailbox: LocalMailbox;
  readonly launcher: Launcher;
  readonly #key: TestKey = testKey();
  readonly #keys = [this.#key.spki.toString('base64')];
  readonly #spoofed = new Map<Digest, string>();
  #drafts = 0;
  readonly #waiting = new Map<string, (notice: StopNotice) => void>();

  constructor(directory: string, executable: Digest, options: WorkerBedOptions) {
    this.directory = directory;
    this.executable = executable;
    this.workerFile = join(directory, 'worker.mjs');
    this.workDir = join(directory, 'work');
    mkdirSync(this.workDir);
    this.artifacts = createLocalArtifacts(join(directory, 'artifacts'));
    this.mailbox = createLocalMailbox({
      stagingDir: join(directory, 'staging'),
      artifacts: { ...this.artifacts, open: (digest) => this.#serve(digest) },
      chance: createLocalChance(),
      clock: createLocalClock(),
    });
    const { workerFile, workDir } = this;
    this.launcher = createLocalLauncher({ workerFile, workDir, keys: this.#keys, origin: ORIGIN, ...options });
    this.launcher.onStopped((notice) => this.#waiting.get(notice.attemptId)?.(notice));
  }

  async #serve(digest: Digest): Promise<AsyncIterable<Uint8Array>> {
    const instead = this.#spoofed.get(digest);
    if (instead === undefined) return this.artifacts.open(digest);
    return (async function* () {
      yield Buffer.from(instead);
    })();
  }

  async pack(repository: string): Promise<PackedSource> {
    const place = { baseDir: this.directory, workDir: join(this.directory, 'packed') };
    const packed = await packSource({ url: repository }, place);
    await this.artifacts.put(createReadStream(packed.path));
    return packed;
  }

  async post(spec: AttemptSpec): Promise<PostedAttempt> {
    const draft = await this.draft(spec);
    const { attemptId, job } = draft;
    const ended = new Promise<StopNotice>((resolve) => this.#waiting.set(attemptId, resolve));
    return { attemptId, leaseUrl: await this.mailbox.post(draft), isolation: job.isolation, ended };
  }

  /** The lease of a new attempt, for a mailbox of the caller's; its inputs are in the artifacts of this bed. */
  async draft(spec: AttemptSpec): Promise<LeaseDraft> {
    this.#drafts += 1;
    const attemptId = digestOf(`${this.directory} ${this.#drafts}`).slice(7, 39);
    const inputs: LeaseDraft['inputs'] = [];
    for (const [key, text] of Object.entries(spec.inputs ?? {})) {
      const stored = await this.artifacts.put(Buffer.from(text));
      inputs.push({ key, ...stored });
      const instead = spec.spoofedInputs?.[key];
      if (instead !== undefined) this.#spoofed.set(stored.sha256, instead);
    }
    return leaseFor(attemptId, spec, inputs, { key: this.#key, executable: this.executable });
  }

  /** Wherever there is a sandbox it may share its process: what must not is for the worker to refuse. */
  launch({ attemptId, leaseUrl, isolation }: PostedAttempt): Promise<string> {
    const order = { attemptId, leaseUrl, isolation, expiresAtMs: Date.now() + 60_000 };
    return this.launcher.launch({ ...order, sharedBy: PRINCIPAL });
  }

  /** A worker whose stdin the caller holds, instead of the launcher; it is born with `inherited` as descriptor 9. */
  spawn(
    { attemptId, leaseUrl }: Pick<PostedAttempt, 'attemptId' | 'leaseUrl'>,
    { inherited, env: more = {} }: { inherited?: number; env?: Record<string, string> } = {},
  ): ChildProcess {
    const env = { PATH: process.env.PATH, TMPDIR: this.workDir, ...this.environmentOf(attemptId), ...more };
    const leaked = inherited === undefined ? [] : [...Array(6).fill('ignore'), inherited];
    const child = spawn(process.execPath, [this.workerFile], { env, stdio: ['pipe', 'ignore', 'ignore', ...leaked] });
    child.stdin?.write(`${attemptId} ${leaseUrl}\n`);
    return child;
  }

  environmentOf(attemptId: string): Record<string, string> {
    return {
      [WORKER_ENV.attemptId]: attemptId,
      [WORKER_ENV.keys]: Buffer.from(JSON.stringify(this.#keys)).toString('base64'),
      [WORKER_ENV.origin]: ORIGIN,
    };
  }

  async run(spec: AttemptSpec): Promise<LaunchedEnd> {
    const attempt = await this.post(spec);
    const handle = await this.launch(attempt);
    const notice = await attempt.ended;
    return { notice, handle, ...(await this.collect(attempt.attemptId)) };
  }

  /** What the attempt has staged so far, in a mailbox of the caller's if it is there; what is small travels in its result. */
  async collect(attemptId: string, mailbox: Mailbox = this.mailbox): Promise<Omit<AttemptEnd, 'notice'>> {
    const { result } = await mailbox.staged(attemptId);
    const parsed = result === null ? null : parseResult(result);
    const inline = parsed?.inline ?? {};
    const outputs = new Map<string, Buffer>();
    if (parsed?.outputs) {
      const frame = inline.outputs === undefined ? await mailbox.openOutputs(attemptId) : bytesOf(inline.outputs);
      for await (const part of splitOutputs(frame, LIMITS)) outputs.set(part.name, await readAll(part.bytes));
    }
    const log = inline.log === undefined ? await mailbox.openLog(attemptId, PRINCIPAL) : bytesOf(inline.log);
    return { result: parsed, outputs, log: log === null ? '' : (await readAll(log)).toString() };
  }

  /** Directories of this bed's attempts; none may be left once their workers have ended. */
  leftovers(): string[] {
    const isOfAttempt = (name: string): boolean =>
      [...this.#waiting.keys()].some((id) => name.startsWith(`waybill-${id}-`));
    return readdirSync(this.workDir)
      .filter(isOfAttempt)
      .map((name) => join(this.workDir, name));
  }

  async close(): Promise<void> {
    await this.mailbox.shutdown();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function* bytesOf(base64: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(base64, 'base64');
}

async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes));
}
