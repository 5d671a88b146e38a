/**
 * Dispatch: a claimed attempt gets its inputs by digest, a signed manifest and a lease; then its worker is started.
 *
 * The manifest is recorded in the transaction that makes the attempt `dispatched`, and nothing is launched before that
 * is durable. An attempt number is launched at most once: an attempt that is found dispatched without a worker is lost.
 */
import { RetryableError } from '@waybill/client/errors';
import type { PlanRead } from '@waybill/client/plan';
import { canonicalize, type DsseEnvelope, digestOf } from '@waybill/verify';
import { type Ending, LAUNCH_DEFERRED } from '#core/attempt.ts';
import { dispatchStatement, isoTime } from '#core/evidence.ts';
import type { Isolation, Job } from '#core/mailbox-protocol.ts';
import { namedSecrets } from '#core/named-secrets.ts';
import { ATTEMPT_GRACE_MS, JOB_LIMITS, JOB_RESOURCES, STOP_GRACE_MS } from '#core/names.ts';
import type { ManifestFacts } from '#core/record-rows.ts';
import { type AttemptRow, type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { mayShareWorker } from '#core/shared-worker.ts';
import { checkpointOf } from '#flow/checkpoint.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { jobEgress } from '#flow/egress.ts';
import { signStatement } from '#flow/envelope.ts';
import { executableIn } from '#flow/environments.ts';
import { resolveInputs } from '#flow/inputs.ts';
import { seenItem, seenRun } from '#flow/items.ts';
import { sessionModels } from '#flow/models.ts';
import { talkOf } from '#flow/questions.ts';
import { settleWithout } from '#flow/settle.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';

/** Dispatches a claimed attempt; anything but a claimed one is left alone. */
export async function dispatch(deps: FlowDeps, attemptId: string): Promise<void> {
  const order = await decide(deps, (draft) => record(deps, draft, attemptId));
  if (order === null) return;
  if ('ending' in order) {
    await settleWithout(deps, attemptId, order.ending, order.detail);
    return;
  }
  await deps.store.durable();
  const handle = await launch(deps, attemptId, order);
  if (handle !== null) await watch(deps, attemptId, handle);
}

/** There is no room for a worker now, or none to write its lease: neither says anything of the item. */
const PUT_OFF: ReadonlySet<string> = new Set(['LAUNCH_DEFERRED', 'STORE_BUSY']);

/** Null when nothing was started; the attempt is then lost, or put off when there was no room for it. */
async function launch(
  deps: FlowDeps,
  attemptId: string,
  { lease, ...where }: { lease: LeaseDraft; environment?: string },
): Promise<string | null> {
  try {
    const leaseUrl = await deps.mailbox.post(lease);
    const expiresAtMs = Date.parse(lease.expiresAt);
    const { job, principal: sharedBy } = lease;
    const order = { attemptId, leaseUrl, isolation: job.isolation, expiresAtMs, ...where };
    return await deps.launcher.launch({ ...order, ...(mayShareWorker(job) ? { sharedBy } : {}) });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const isPutOff = error instanceof RetryableError && PUT_OFF.has(error.code);
    const ending: Ending = isPutOff ? LAUNCH_DEFERRED : { outcome: 'lost', reason: 'start_failed' };
    await settleWithout(deps, attemptId, ending, detail);
    return null;
  }
}

/** Notes the handle where it was not known before, and makes up for what happened to the attempt while its worker was being started. */
async function watch(deps: FlowDeps, attemptId: string, handle: string): Promise<void> {
  const key = keys.attempt(attemptId);
  let attempt = await peek<AttemptRow>(deps, key);
  if (attempt?.state === 'dispatched' && attempt.handle !== handle) {
    attempt = await decide(deps, async (draft) => {
      const row = await draft.readOne<AttemptRow>(key);
      if (row?.state === 'dispatched') draft.put(key, { ...row, handle } satisfies AttemptRow);
      return row;
    });
  }
  if (attempt?.cancel) await deps.mailbox.cancel(attemptId);
  if (attempt?.state === 'dispatched') return;
  // It has ended already: with a result, or given up, and then another attempt may hold its locks by now.
  await deps.launcher.stop(handle, STOP_GRACE_MS);
  await deps.mailbox.close(attemptId, attempt?.principal ?? '');
}

type Order = { lease: LeaseDraft; environment?: string } | { ending: Ending; detail?: string } | null;

async function record(deps: FlowDeps, draft: Draft, attemptId: string): Promise<Order> {
  const key = keys.attempt(attemptId);
  const attempt = await draft.readOne<AttemptRow>(key);
  if (attempt?.state !== 'claimed') return null;
  if (attempt.cancel) return { ending: { outcome: 'cancelled', reason: 'cancelled' } };
  const ref = { run: attempt.run, item: attempt.item };
  await draft.read([keys.run(ref.run), keys.spec(ref.run, ref.item), keys.item(ref.run, ref.item)]);
  const run = seenRun(draft, attempt.run);
  // The stop of the run is under way and will mark this attempt. One that begins now marks it after its dispatch.
  if (run.stopping) return null;
  const [spec, item] = seenItem(draft, ref);
  const inputs = await resolveInputs(draft, attempt.run, spec.item.needs);
  if ('missing' in inputs) {
    return { ending: { outcome: 'contract_error', reason: 'input_missing' }, detail: inputs.missing };
  }
  const given = [...inputs.found, ...talkOf(ref.item, item), ...checkpointOf(ref.item, item)];
  const files = [...given, ...(spec.item.reads ?? [])];
  const { environment } = spec.item;
  const executable = executableIn(deps.worker, environment);
  if (executable === undefined) {
    const detail = `environment: there is no ${environment} any more`;
    return { ending: { outcome: 'contract_error', reason: 'environment_gone' }, detail };
  }
  const { isolation } = deps.worker;
  const egress = jobEgress(deps, attempt.queue, spec.item);
  if (egress === null) {
    const detail = 'egress: a host that the item asks for is not allowed any more';
    return { ending: { outcome: 'policy_blocked', reason: 'egress_denied' }, detail };
  }
  const job = jobOf(attemptId, attempt, spec, isolation, { ...egress, ...sessionModels(deps.worker, spec.item) });
  const named = namedSecrets(job);
  const nowMs = deps.clock.nowMs();
  const expiresAtMs = nowMs + deps.worker.startMs + spec.item.timeoutMs + ATTEMPT_GRACE_MS;
  // In the order of the canonical form, which is then written faster.
  const statement = dispatchStatement({
    attempt: attempt.attempt,
    attemptId,
    epoch: attempt.attempt,
    executable,
    expiresAt: isoTime(expiresAtMs),
    inputs: given,
    isolation,
    issuedAt: isoTime(nowMs),
    item: attempt.item,
    job: digestOf(canonicalize(job)),
    locks: attempt.locks,
    nonce: deps.chance.hex(16),
    origin: deps.origin,
    plan: run.plan,
    ...(spec.item.reads === undefined ? {} : { reads: spec.item.reads }),
    run: attempt.run,
    ...(named.length === 0 ? {} : { secrets: named }),
    source: run.source,
    spec: spec.digest,
    timeoutMs: spec.item.timeoutMs,
  });
  const envelope = await signStatement(deps.signer, statement);
  const leaseUntilMs = nowMs + deps.worker.startMs + deps.worker.leaseMs;
  const manifest = factsOf(run, { payload: digestOf(statement), issuedAtMs: nowMs, executable, files, named });
  const handle = deps.launcher.handleOf(attemptId, environment);
  const dispatched: AttemptRow = {
    ...attempt,
    ...{ state: 'dispatched' as const, leaseUntilMs, expiresAtMs, isolation, manifest, principal: run.principal },
    // Written down with the dispatch: each writing of this row is paid for, and told of.
    ...(handle === null ? {} : { handle }),
  };
  draft.put(key, dispatched);
  if (isolation === 'none') {
    draft.put(keys.item(ref.run, ref.item), { ...item, unsandboxed: item.unsandboxed + 1 } satisfies ItemRow);
  }
  const data = { attempt: attempt.attempt, id: attemptId, isolation, item: ref.item, manifest: manifest.payload };
  draft.emit(attempt.run, { type: 'attempt.dispatched', data }, [envelope]);
  const lease = leaseOf(deps, { attemptId, attempt: dispatched, run, job, envelope, inputs: files });
  return { lease, ...(environment === undefined ? {} : { environment }) };
}

/** What its end is going to ask for. */
function factsOf(
  { plan, source }: RunRow,
  { files, named, ...facts }: Omit<ManifestFacts, 'plan' | 'inputs'> & { files: PlanRead[]; named: string[] },
): ManifestFacts {
  return {
    ...facts,
    plan,
    ...(source.kind === 'git' ? { source: source.bundle } : {}),
    inputs: files.map(({ key, sha256 }) => ({ key, sha256 })),
    ...(named.length === 0 ? {} : { secrets: { names: named } }),
  };
}

function jobOf(
  attemptId: string,
  attempt: AttemptRow,
  spec: SpecRow,
  isolation: Isolation,
  reached: Pick<Job, 'egress' | 'models'>,
): Job {
  const { pipeline, env, timeoutMs, resources, capabilities } = spec.item;
  const { run, item, attempt: number } = attempt;
  return {
    attempt: number,
    attemptId,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...reached,
    env,
    isolation,
    item,
    limits: JOB_LIMITS,
    pipeline,
    // What was asked for goes along in any case: a worker that cannot hold its blocks to it runs none.
    ...(isolation === 'bubblewrap' || resources !== undefined ? { resources: { ...JOB_RESOURCES, ...resources } } : {}),
    run,
    timeoutMs,
    v: 1,
  };
}

interface LeaseFacts {
  attemptId: string;
  attempt: AttemptRow;
  run: RunRow;
  job: Job;
  envelope: DsseEnvelope;
  /** All that stands under inputs/. */
  inputs: PlanRead[];
}

function leaseOf(deps: FlowDeps, { attemptId, attempt, run, job, envelope, inputs }: LeaseFacts): LeaseDraft {
  const lease: LeaseDraft = {
    v: 1,
    attemptId,
    principal: run.principal,
    manifest: envelope,
    job,
    inputs: inputs.map(({ key, sha256, sizeBytes }) => ({ key, sha256, sizeBytes })),
    heartbeatMs: deps.worker.heartbeatMs,
    expiresAt: isoTime(attempt.expiresAtMs),
    cancel: false,
  };
  if (run.source.kind === 'none') return lease;
  const { bundle, commit, sizeBytes } = run.source;
  return { ...lease, source: { sha256: bundle, sizeBytes, commit } };
}
