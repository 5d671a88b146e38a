/** Leases for attempts that no engine dispatched: jobs, manifests about them, and keys to sign those with. */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import type { PackedSource } from '@waybill/client';
import type { Block } from '@waybill/client/plan';
import {
  canonicalize,
  DISPATCH_PREDICATE,
  type Digest,
  type DispatchPredicate,
  type DispatchStatement,
  digestOf,
  formatEnvelope,
  IN_TOTO_PAYLOAD_TYPE,
  pae,
  STATEMENT_TYPE,
} from '@waybill/verify';
import type { Isolation, Job, JobEgress, JobLimits, JobResources } from '#core/mailbox-protocol.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';

/** Of every attempt of the bed. */
export const PRINCIPAL = 'uid-1';
export const ORIGIN = 'waybill.test/worker';
const RUN = 'a'.repeat(32);
export const LIMITS: JobLimits = { outputsBytes: 1e6, fileBytes: 5e5, files: 20, logBytes: 20_000, patchBytes: 5e5 };

export interface AttemptSpec {
  pipeline: Block[];
  isolation?: Isolation;
  env?: Record<string, string>;
  timeoutMs?: number;
  limits?: Partial<JobLimits>;
  /** None without it. */
  resources?: JobResources;
  egress?: JobEgress;
  inputs?: Record<string, string | Uint8Array>;
  /** With which the worker is given sessions. */
  models?: string[];
  /** Names, in their order; their archives are inputs. */
  capabilities?: string[];
  /** Served in the place of the bytes that were signed. */
  spoofedInputs?: Record<string, string>;
  source?: PackedSource;
  heartbeatMs?: number;
  /** Changes the lease after its manifest was signed: what an attacker with the storage could do. */
  tamper?(draft: LeaseDraft): void;
  /** Changes the manifest before it is signed. */
  predicate?: Partial<DispatchPredicate>;
}

/** The lease of an attempt, with its manifest signed; `tamper` has the last word. */
export function leaseFor(
  attemptId: string,
  spec: AttemptSpec,
  inputs: LeaseDraft['inputs'],
  signer: { key: TestKey; executable: Digest },
): LeaseDraft {
  const job = jobOf(attemptId, spec);
  const { source } = spec;
  const draft: LeaseDraft = {
    v: 1,
    attemptId,
    principal: PRINCIPAL,
    manifest: signed(statementOf(job, inputs, spec, signer.executable), signer.key),
    job,
    inputs,
    ...(source ? { source: { sha256: source.bundle, sizeBytes: source.sizeBytes, commit: source.commit } } : {}),
    heartbeatMs: spec.heartbeatMs ?? 50,
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
    cancel: false,
  };
  spec.tamper?.(draft);
  return draft;
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
    ...(spec.capabilities === undefined ? {} : { capabilities: spec.capabilities }),
    timeoutMs: spec.timeoutMs ?? 20_000,
    limits: { ...LIMITS, ...spec.limits },
    ...(spec.models === undefined ? {} : { models: spec.models }),
    ...(spec.resources === undefined ? {} : { resources: spec.resources }),
    ...(spec.egress === undefined ? {} : { egress: spec.egress }),
    isolation: spec.isolation ?? 'none',
  };
}

function statementOf(
  job: Job,
  inputs: LeaseDraft['inputs'],
  { source, predicate }: AttemptSpec,
  executable: Digest,
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
      executable,
      timeoutMs: job.timeoutMs,
      ...predicate,
    },
  };
}

export interface TestKey {
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
