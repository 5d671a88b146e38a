/**
 * Mailboxes on a loopback HTTP port. Whoever knows the 128 random bits of a mailbox's path may use it, and nothing else;
 * they are never written to disk. What is staged lies in files, see staging-area.ts.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TerminalError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { MAX_RESULT_BYTES } from '#core/mailbox-protocol.ts';
import { hasChannel } from '#core/named-secrets.ts';
import { MAX_INDEX_BYTES } from '#core/outputs-frame.ts';
import { keyOf, MAX_KEY_BYTES, MAX_SEALED_BYTES } from '#core/sealed-secrets.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';
import type { SecretChannel } from '#ports/secret-channel.ts';
import { type MailboxObject, serveMailbox } from './mailbox-http.ts';
import { notStaged, StagingArea } from './staging-area.ts';

const REQUEST_TIMEOUT_MS = 120_000;
const HEADERS_TIMEOUT_MS = 10_000;

export interface LocalMailbox extends Mailbox, SecretChannel {
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
  /** What its worker reads. */
  lease: Uint8Array;
}

type Listener = Parameters<Mailbox['onStaged']>[0];

export function createLocalMailbox(options: LocalMailboxOptions): LocalMailbox {
  const staging = new StagingArea(options.stagingDir, options.clock);
  const mailboxes = new OpenMailboxes((draft, secret) => leaseBytes(draft, secret, originOf(server)));
  let listener: Listener = () => {};

  const server = createMailboxServer(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS, (secret, name) => {
    const mailbox = mailboxes.bySecret(secret);
    if (mailbox === undefined) return null;
    if (name === 'lease') return { get: async () => mailbox.lease };
    return (
      secretObject(staging, mailbox.draft, name, listener) ??
      stagedObject(staging, mailbox.draft, name, listener) ??
      artifactObject(options.artifacts, mailbox.draft, name)
    );
  });

  return {
    listen: () => listenOnLoopback(server),
    shutdown: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),

    onStaged(added) {
      listener = added;
    },

    async post(draft) {
      await staging.prepare(draft.attemptId);
      const before = mailboxes.of(draft.attemptId);
      const secret = before?.secret ?? options.chance.hex(16);
      // A flag once raised stays up, whatever order a renewal and a cancel arrive in.
      const cancel = draft.cancel || before?.draft.cancel === true;
      mailboxes.open({ ...draft, cancel }, secret);
      return `${originOf(server)}/${secret}/lease`;
    },

    // The URLs of this machine are good for as long as the mailbox is open.
    renew: async () => {},

    async cancel(attemptId) {
      const mailbox = mailboxes.of(attemptId);
      if (mailbox !== undefined) mailboxes.open({ ...mailbox.draft, cancel: true }, mailbox.secret);
    },

    staged: async (attemptId) => await staging.staged(attemptId),

    async openOutputs(attemptId) {
      const outputs = await staging.open(attemptId, 'outputs');
      if (outputs === null) throw notStaged(attemptId);
      return outputs;
    },

    openLog: async (attemptId) => await staging.open(attemptId, 'log'),

    async asked(attemptId) {
      const bytes = await staging.read(attemptId, 'key');
      return bytes === null ? null : keyOf(bytes, attemptId);
    },

    async answer(attemptId, sealed) {
      // The worker that took its answer has taken its key away before.
      if (mailboxes.of(attemptId) === undefined || (await staging.read(attemptId, 'key')) === null) return false;
      return await staging.putOnce(attemptId, 'sealed', Buffer.from(sealed), MAX_SEALED_BYTES);
    },

    async close(attemptId) {
      mailboxes.close(attemptId);
      await staging.remove(attemptId);
    },
  };
}

class OpenMailboxes {
  readonly #bySecret = new Map<string, OpenMailbox>();
  readonly #byAttempt = new Map<string, OpenMailbox>();
  readonly #lease: (draft: LeaseDraft, secret: string) => Uint8Array;

  constructor(lease: (draft: LeaseDraft, secret: string) => Uint8Array) {
    this.#lease = lease;
  }

  /** Or changes what its worker reads. */
  open(draft: LeaseDraft, secret: string): void {
    const mailbox = { draft, secret, lease: this.#lease(draft, secret) };
    this.#byAttempt.set(draft.attemptId, mailbox);
    this.#bySecret.set(secret, mailbox);
  }

  of(attemptId: string): OpenMailbox | undefined {
    return this.#byAttempt.get(attemptId);
  }

  bySecret(secret: string): OpenMailbox | undefined {
    return this.#bySecret.get(secret);
  }

  close(attemptId: string): void {
    const secret = this.of(attemptId)?.secret;
    if (secret !== undefined) this.#bySecret.delete(secret);
    this.#byAttempt.delete(attemptId);
  }
}

function createMailboxServer(
  requestTimeoutMs: number,
  find: (secret: string, name: string) => MailboxObject | null,
): Server {
  const server = createServer({ maxHeaderSize: 8 * 1024, connectionsCheckingInterval: 1_000 }, serveMailbox(find));
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs);
  return server;
}

function listenOnLoopback(server: Server): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.removeListener('error', reject);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

function originOf(server: Server): string {
  const address = server.address();
  if (address !== null && typeof address === 'object') return `http://127.0.0.1:${address.port}`;
  throw new TerminalError({
    code: 'MAILBOX_UNREACHABLE',
    path: 'mailbox',
    problem: 'does not listen',
    fix: 'Call listen() before the first post, and post nothing after shutdown().',
  });
}

function stagedObject(staging: StagingArea, draft: LeaseDraft, name: string, told: Listener): MailboxObject | null {
  const { attemptId } = draft;
  const { logBytes, outputsBytes } = draft.job.limits;
  switch (name) {
    case 'heartbeat':
      return {
        async put(body) {
          await staging.putHeartbeat(attemptId, body);
          told(attemptId, 'heartbeat');
          return true;
        },
      };
    case 'log':
      return { put: (body) => staging.putLog(attemptId, body, logBytes).then(() => true) };
    case 'outputs':
      return { put: (body) => staging.putOnce(attemptId, 'outputs', body, outputsBytes + MAX_INDEX_BYTES) };
    case 'result':
      return {
        async put(body) {
          const first = await staging.putOnce(attemptId, 'result', body, MAX_RESULT_BYTES);
          if (first) told(attemptId, 'result');
          return first;
        },
      };
    default:
      return null;
  }
}

/** The key that asks for secrets, and what is sealed to it. What is no key is kept all the same, and asks for nothing. */
function secretObject(
  staging: StagingArea,
  { attemptId, job }: LeaseDraft,
  name: string,
  told: Listener,
): MailboxObject | null {
  if (!hasChannel(job)) return null;
  if (name === 'sealed') {
    const read = async (): Promise<Uint8Array> => (await staging.read(attemptId, name)) ?? throwMissing(attemptId);
    return { get: read, delete: () => staging.take(attemptId, name) };
  }
  if (name !== 'key') return null;
  return {
    async put(body) {
      const isFirst = await staging.putOnce(attemptId, name, body, MAX_KEY_BYTES);
      if (isFirst) told(attemptId, 'key');
      return isFirst;
    },
    delete: () => staging.take(attemptId, name),
  };
}

function throwMissing(attemptId: string): never {
  throw notStaged(attemptId);
}

function artifactObject(artifacts: Artifacts, draft: LeaseDraft, name: string): MailboxObject | null {
  const index = /^input-(0|[1-9]\d{0,4})$/.exec(name)?.[1];
  const named = name === 'source' ? draft.source : index === undefined ? undefined : draft.inputs[Number(index)];
  return named === undefined ? null : { get: () => artifacts.open(named.sha256) };
}

/** The lease as its worker reads it: canonical JSON, with every URL filled in. */
function leaseBytes(draft: LeaseDraft, secret: string, origin: string): Uint8Array {
  const url = (name: string): string => `${origin}/${secret}/${name}`;
  const { source, inputs, principal: _principal, ...rest } = draft;
  const lease = {
    ...rest,
    inputs: inputs.map((input, index) => ({ ...input, url: url(`input-${index}`) })),
    ...(source === undefined ? {} : { source: { ...source, url: url('source') } }),
    ...(hasChannel(draft.job)
      ? {
          channel: {
            putKey: url('key'),
            deleteKey: url('key'),
            getSealed: url('sealed'),
            deleteSealed: url('sealed'),
          },
        }
      : {}),
    put: { heartbeat: url('heartbeat'), log: url('log'), outputs: url('outputs'), result: url('result') },
    next: url('lease'),
  };
  return Buffer.from(canonicalize(lease));
}
