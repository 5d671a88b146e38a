/**
 * Mailboxes on a loopback HTTP port, staged in a directory: `<stagingDir>/<attemptId>/{heartbeat.json,log,outputs,result}`.
 * Whoever knows the 128 random bits of a mailbox's path may use it, and nothing else; they are never written to disk.
 */
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { MAX_INDEX_BYTES } from '#core/outputs-frame.ts';
import { parseHeartbeat } from '#core/result-document.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';
import {
  discard,
  ignoreMissing,
  publishOnce,
  publishOver,
  type TemporaryFile,
  writeTemporary,
} from './durable-file.ts';
import { type MailboxObject, serveMailbox } from './mailbox-http.ts';

const MAX_HEARTBEAT_BYTES = 4 * 1024;
const MAX_RESULT_BYTES = 256 * 1024;
const ATTEMPT_ID = /^[0-9a-f]{32}$/;

export interface LocalMailbox extends Mailbox {
  /** Binds an ephemeral port of 127.0.0.1; before the first post. */
  listen(): Promise<{ port: number }>;
  /** Refuses new requests and cuts open ones. Staged objects stay. */
  shutdown(): Promise<void>;
}

export interface LocalMailboxOptions {
  stagingDir: string;
  /** Serves the inputs and the source that a lease names. */
  artifacts: Artifacts;
  chance: Chance;
  clock: Clock;
  /** A request that takes longer is cut. */
  requestTimeoutMs?: number;
}

/** A mailbox that is open in this process. */
interface OpenMailbox {
  draft: LeaseDraft;
  /** The path on the server, without the slash before it. */
  secret: string;
}

export function createLocalMailbox(options: LocalMailboxOptions): LocalMailbox {
  const { stagingDir, artifacts, chance, clock } = options;
  const bySecret = new Map<string, OpenMailbox>();
  const byAttempt = new Map<string, OpenMailbox>();
  let listener: Parameters<Mailbox['onStaged']>[0] = () => {};
  let origin: string | null = null;

  const server = createServer(
    { maxHeaderSize: 8 * 1024, insecureHTTPParser: false, connectionsCheckingInterval: 1_000 },
    serveMailbox((secret, name) => {
      const mailbox = bySecret.get(secret);
      return mailbox === undefined ? null : objectOf(mailbox, name);
    }),
  );
  server.requestTimeout = options.requestTimeoutMs ?? 120_000;
  server.headersTimeout = Math.min(10_000, server.requestTimeout);
  server.maxRequestsPerSocket = 1_000;

  function objectOf(mailbox: OpenMailbox, name: string): MailboxObject | null {
    const { draft } = mailbox;
    const directory = join(stagingDir, draft.attemptId);
    const limits = draft.job.limits;
    switch (name) {
      case 'lease':
        return { get: async () => [new TextEncoder().encode(canonicalize(leaseOf(mailbox, requireOrigin(origin))))] };
      case 'heartbeat':
        return { put: (body) => putHeartbeat(directory, draft.attemptId, body) };
      case 'log':
        return { put: (body) => putOver(directory, 'log', body, limits.logBytes) };
      case 'outputs':
        return { put: (body) => putOnce(directory, 'outputs', body, limits.outputsBytes + MAX_INDEX_BYTES) };
      case 'result':
        return { put: (body) => putResult(directory, draft.attemptId, body) };
      default: {
        const digest = artifactNamed(draft, name);
        return digest === null ? null : { get: () => artifacts.open(digest) };
      }
    }
  }

  async function putHeartbeat(directory: string, attemptId: string, body: AsyncIterable<Uint8Array>): Promise<boolean> {
    const file = await writeTemporary(directory, body, MAX_HEARTBEAT_BYTES);
    await refuseForeign(file, attemptId);
    // The file's time is the arrival by the engine's clock, so that it outlives the engine like the beat itself.
    await utimes(file.path, clock.nowMs() / 1_000, clock.nowMs() / 1_000);
    await publishOver(file, join(directory, 'heartbeat.json'));
    listener(attemptId, 'heartbeat');
    return true;
  }

  async function putResult(directory: string, attemptId: string, body: AsyncIterable<Uint8Array>): Promise<boolean> {
    const first = await putOnce(directory, 'result', body, MAX_RESULT_BYTES);
    if (first) listener(attemptId, 'result');
    return first;
  }

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
          server.removeListener('error', reject);
          const { port } = server.address() as AddressInfo;
          origin = `http://127.0.0.1:${port}`;
          resolve({ port });
        });
      }),

    shutdown: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),

    onStaged(added) {
      listener = added;
    },

    async post(draft) {
      await mkdir(directoryOf(stagingDir, draft.attemptId), { recursive: true, mode: 0o700 });
      const before = byAttempt.get(draft.attemptId);
      const secret = before?.secret ?? chance.hex(16);
      // A flag once raised stays up, whatever order a renewal and a cancel arrive in.
      const cancel = draft.cancel || before?.draft.cancel === true;
      const mailbox = { draft: { ...structuredClone(draft), cancel }, secret };
      byAttempt.set(draft.attemptId, mailbox);
      bySecret.set(secret, mailbox);
      return `${requireOrigin(origin)}/${secret}/lease`;
    },

    async cancel(attemptId) {
      const mailbox = byAttempt.get(attemptId);
      if (mailbox !== undefined) mailbox.draft = { ...mailbox.draft, cancel: true };
    },

    async staged(attemptId) {
      const directory = directoryOf(stagingDir, attemptId);
      const [beat, result] = await Promise.all([
        readHeartbeat(join(directory, 'heartbeat.json')),
        readFile(join(directory, 'result')).catch(ignoreMissing(null)),
      ]);
      return { ...beat, result };
    },

    openOutputs: (attemptId) => openStaged(join(directoryOf(stagingDir, attemptId), 'outputs')),

    async openLog(attemptId) {
      const path = join(directoryOf(stagingDir, attemptId), 'log');
      return (await exists(path)) ? createReadStream(path) : null;
    },

    async close(attemptId) {
      const secret = byAttempt.get(attemptId)?.secret;
      if (secret !== undefined) bySecret.delete(secret);
      byAttempt.delete(attemptId);
      await rm(directoryOf(stagingDir, attemptId), { recursive: true, force: true });
    },
  };
}

/** The lease as its worker reads it: canonical JSON, with every URL filled in. */
function leaseOf({ draft, secret }: OpenMailbox, origin: string): unknown {
  const url = (name: string): string => `${origin}/${secret}/${name}`;
  const { source, inputs, ...rest } = draft;
  return {
    ...rest,
    inputs: inputs.map((input, index) => ({ ...input, url: url(`input-${index}`) })),
    ...(source === undefined ? {} : { source: { ...source, url: url('source') } }),
    put: { heartbeat: url('heartbeat'), log: url('log'), outputs: url('outputs'), result: url('result') },
    next: url('lease'),
  };
}

function artifactNamed(draft: LeaseDraft, name: string): LeaseDraft['inputs'][number]['sha256'] | null {
  if (name === 'source') return draft.source?.sha256 ?? null;
  const index = /^input-(0|[1-9]\d{0,4})$/.exec(name)?.[1];
  return index === undefined ? null : (draft.inputs[Number(index)]?.sha256 ?? null);
}

async function putOnce(
  directory: string,
  name: string,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<boolean> {
  const path = join(directory, name);
  if (await exists(path)) return false;
  return publishOnce(await writeTemporary(directory, body, maxBytes), path);
}

async function putOver(
  directory: string,
  name: string,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<boolean> {
  await publishOver(await writeTemporary(directory, body, maxBytes), join(directory, name));
  return true;
}

/** Throws TerminalError RESULT_INVALID, and keeps nothing, unless the file is a heartbeat of this attempt. */
async function refuseForeign(file: TemporaryFile, attemptId: string): Promise<void> {
  try {
    if (parseHeartbeat(await readFile(file.path)).attemptId === attemptId) return;
  } catch (error) {
    await discard(file);
    throw error;
  }
  await discard(file);
  throw new TerminalError({
    code: 'RESULT_INVALID',
    path: 'heartbeat.attemptId',
    problem: 'names another attempt',
    fix: 'Beat with the attempt id of the lease.',
  });
}

async function readHeartbeat(path: string): Promise<{
  heartbeat: ReturnType<typeof parseHeartbeat> | null;
  heartbeatAtMs: number | null;
}> {
  const found = await stat(path).catch(ignoreMissing(null));
  if (found === null) return { heartbeat: null, heartbeatAtMs: null };
  const heartbeat = parseHeartbeat(await readFile(path));
  return { heartbeat, heartbeatAtMs: Math.round(found.mtimeMs) };
}

async function openStaged(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (await exists(path)) return createReadStream(path);
  throw new RetryableError({
    code: 'OBJECT_MISSING',
    path,
    problem: 'is not staged',
    fix: 'Wait for the worker, or settle the attempt without outputs.',
  });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, ignoreMissing(false));
}

/** An id that is not one names no directory, least of all one outside the staging directory. */
function directoryOf(stagingDir: string, attemptId: string): string {
  if (ATTEMPT_ID.test(attemptId)) return join(stagingDir, attemptId);
  throw new TerminalError({
    code: 'OBJECT_MISSING',
    path: `staging/${attemptId}`.slice(0, 200),
    problem: 'is no attempt id',
    fix: 'Name an attempt by the id that its dispatch recorded.',
  });
}

function requireOrigin(origin: string | null): string {
  if (origin !== null) return origin;
  throw new TerminalError({
    code: 'MAILBOX_UNREACHABLE',
    path: 'mailbox',
    problem: 'does not listen yet',
    fix: 'Call listen() before the first post.',
  });
}
