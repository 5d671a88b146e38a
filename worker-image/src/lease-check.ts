/**
 * Everything that must hold before anything runs: the manifest is signed by a pinned key and says exactly what the lease
 * asks for. The lease is only a projection; what counts is what was signed.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  type AttestKey,
  canonicalize,
  type Digest,
  type DispatchPredicate,
  type DispatchStatement,
  digestOf,
  importPublicKey,
  openEnvelope,
  parseCanonical,
  requireDispatchStatement,
  sha256Hex,
  verifyEnvelope,
} from '@waybill/verify';
import type { Lease } from '#core/mailbox-protocol.ts';
import { namedSecrets } from '#core/named-secrets.ts';

/** What a worker knows without its lease. */
export interface WorkerIdentity {
  attemptId: string;
  origin: string;
  keys: AttestKey[];
  /** Digest of the bundle that is running, and of the image of its blocks where they have one. */
  executable: Digest;
  /** Blocks run in a container of their own, or never: this one holds the lease. */
  hasRunner: boolean;
}

/** `encoded`: base64 of a JSON list of SPKI DER keys in base64. Throws TerminalError LEASE_INVALID for anything else. */
export function parsePinnedKeys(encoded: string): AttestKey[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
    if (!Array.isArray(list) || list.length === 0) throw refuse('keys', 'is not a list of keys');
    return list.map((spki: unknown) => {
      const der = Buffer.from(String(spki), 'base64');
      const publicKey = importPublicKey(der);
      if (publicKey.kind !== 'p256') throw refuse('keys', 'holds a key that is not P-256');
      return { keyid: sha256Hex(der), publicKey };
    });
  } catch (cause) {
    throw cause instanceof TerminalError ? cause : refuse('keys', 'cannot be read', cause);
  }
}

/** The signed predicate of the lease's manifest, and the digest of that. Throws TerminalError LEASE_INVALID at the first thing that does not hold. */
export async function checkLease(
  lease: Lease,
  worker: WorkerIdentity,
  nowMs: number,
): Promise<DispatchPredicate & { manifest: Digest }> {
  const { statement, manifest } = await verifiedStatement(lease, worker.keys);
  const { subject, predicate } = statement;
  const attempt = `attempt/${worker.attemptId}`;
  const claims: [string, boolean][] = [
    ['subject', subject[0]?.name === attempt],
    ['subject digest', `sha256:${subject[0]?.digest.sha256}` === predicate.spec],
    ['origin', predicate.origin === worker.origin],
    ['attemptId', predicate.attemptId === worker.attemptId],
    ['lease attemptId', lease.attemptId === worker.attemptId],
    ['issuedAt', Date.parse(predicate.issuedAt) < Date.parse(predicate.expiresAt)],
    ['expiresAt', nowMs < Date.parse(predicate.expiresAt)],
    ['lease expiresAt', nowMs < Date.parse(lease.expiresAt)],
    ['executable', predicate.executable === worker.executable],
    ['job', predicate.job === digestOf(canonicalize(lease.job))],
    ['job identity', sameIdentity(lease, predicate)],
    ['isolation', lease.job.isolation === predicate.isolation && predicate.isolation !== 'in-process'],
    ['isolation in a container', (predicate.isolation === 'container') === worker.hasRunner],
    ['timeout', lease.job.timeoutMs === predicate.timeoutMs],
    ['inputs', sameInputs(lease, predicate)],
    ['source', sameSource(lease, predicate)],
    ['secrets', sameSecrets(lease, predicate)],
  ];
  const broken = claims.find(([, holds]) => !holds)?.[0];
  if (broken !== undefined) throw refuse('manifest', `does not agree with the lease or this worker: ${broken}`);
  return { ...predicate, manifest };
}

async function verifiedStatement(
  lease: Lease,
  keys: AttestKey[],
): Promise<{ statement: DispatchStatement; manifest: Digest }> {
  try {
    const envelope = openEnvelope(lease.manifest);
    if ((await verifyEnvelope(envelope, keys)) === undefined) throw refuse('manifest', 'is not signed by a pinned key');
    return {
      statement: requireDispatchStatement(parseCanonical(envelope.payload)),
      manifest: digestOf(envelope.payload),
    };
  } catch (cause) {
    throw cause instanceof TerminalError ? cause : refuse('manifest', 'is no signed dispatch statement', cause);
  }
}

function sameIdentity({ job }: Lease, predicate: DispatchPredicate): boolean {
  return (
    job.attemptId === predicate.attemptId &&
    job.run === predicate.run &&
    job.item === predicate.item &&
    job.attempt === predicate.attempt
  );
}

function sameInputs(lease: Lease, predicate: DispatchPredicate): boolean {
  const plain = (inputs: { key: string; sha256: Digest; sizeBytes: number }[]): string =>
    canonicalize(inputs.map(({ key, sha256, sizeBytes }) => ({ key, sha256, sizeBytes })));
  const keys = new Set(lease.inputs.map((input) => input.key));
  return (
    keys.size === lease.inputs.length &&
    plain(lease.inputs) === plain([...predicate.inputs, ...(predicate.reads ?? [])])
  );
}

function sameSource({ source }: Lease, { source: signed }: DispatchPredicate): boolean {
  if (source === undefined || signed.kind === 'none') return source === undefined && signed.kind === 'none';
  return source.sha256 === signed.bundle && source.commit === signed.commit && source.sizeBytes === signed.sizeBytes;
}

/** What is asked for is what was signed, and where to ask is said when and only when there is something to ask for. */
function sameSecrets({ job, channel }: Lease, { secrets = [] }: DispatchPredicate): boolean {
  const named = namedSecrets(job);
  return canonicalize(named) === canonicalize(secrets) && (channel !== undefined) === named.length > 0;
}

function refuse(path: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(
    { code: 'LEASE_INVALID', path, problem, fix: 'Dispatch the attempt again; nothing of it has run.' },
    { cause },
  );
}
